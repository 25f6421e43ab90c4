"""A second judge of small problems: it tries everything, straight from the tables.

The solvers read compiled arrays, and the room's own check is written beside them. This knows
neither. It reads the tables as `docs/reference/placement-files.md` describes them, lists every
choice that keeps every rule, and says what each is worth to each aim. In: `Tables` and `Aims`.
Out: all allowed choices with their values, and what a wanted place would take.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain, combinations, pairwise
from math import ceil

import numpy as np

from onward.placement.inputs.aims import Aims, Floor
from onward.placement.inputs.tables import Case, Limit, Pledge, Selector, Tables, Window

MOST_CHOICES = 300_000


class TooMany(Exception):
    """More choices than can be tried."""


def counts(who: Selector, case: Case) -> bool:
    """Whether a limit counts the persons of a case: every column that is filled has to match."""
    mine = {case.category, case.category_2} - {""}
    return (
        (not who.categories or bool(mine & set(who.categories)))
        and (not who.nationalities or case.nationality in who.nationalities)
        and (not who.needs or bool(set(case.needs) & set(who.needs)))
        and (who.min_size is None or case.size >= who.min_size)
        and (who.max_size is None or case.size <= who.max_size)
    )


def names(window: Window) -> set[str]:
    return {window.programme, window.country or window.programme}


def reach(limit: Limit, windows: Sequence[Window]) -> list[int]:
    """The windows a limit is about."""
    return [
        s
        for s, w in enumerate(windows)
        if (limit.programme == "all" or limit.programme in (w.programme, w.country))
        and (not limit.window or limit.window == w.window)
    ]


class Judge:
    """Every allowed choice of one problem.

    units: cases of a household that is not to be split, by place in `cases`. choice (N, units):
    a window, or -1. opened (N, pledges): whose condition is met. Rows of `value[aim]` go with
    those of `choice`."""

    def __init__(self, tables: Tables, aims: Aims, *, seed: int = 1) -> None:
        self.t, self.aims, self.seed = tables, aims, seed
        self.cases = sorted(tables.cases, key=lambda c: c.case)
        self.windows = list(tables.windows)
        self.states = set(aims.states_that_count)
        self.pledges = [p for p in tables.pledges if p.state in self.states]
        self.units = self._units()
        self.unit_of = {
            self.cases[i].case: u for u, members in enumerate(self.units) for i in members
        }
        self.groups = self._groups()
        self.options = [self._options(members) for members in self.units]
        self._enumerate()

    # --- the tables -------------------------------------------------------------------------

    def _units(self) -> list[list[int]]:
        homes: dict[str, list[int]] = {}
        for i, case in enumerate(self.cases):
            agreed = case.household and all(
                c.split_agreed for c in self.cases if c.household == case.household
            )
            homes.setdefault(
                f"h {case.household}" if case.household and not agreed else f"c {case.case}", []
            ).append(i)
        return list(homes.values())

    def _groups(self) -> list[set[int]]:
        """Units joined by links or by a household whose adults agreed to be apart."""
        joined = [{u} for u in range(len(self.units))]
        pairs = [
            (case.case, other)
            for case in self.cases
            for other in case.linked_to
            if other in self.unit_of
        ]
        for home in {c.household for c in self.cases if c.household}:
            pairs += list(pairwise([c.case for c in self.cases if c.household == home]))
        for a, b in pairs:
            one = next(g for g in joined if self.unit_of[a] in g)
            other = next(g for g in joined if self.unit_of[b] in g)
            if one is not other:
                one |= other
                joined.remove(other)
        return [g for g in joined if len(g) > 1]

    def lock_of(self, case: Case) -> tuple[str, str] | None:
        for lock in self.t.locks:
            if lock.case == case.case:
                return lock.programme, lock.window
        return (case.locked, case.locked_window) if case.locked else None

    def barred(self, case: Case, window: Window) -> set[str]:
        """Everything that keeps one case out of one window, whoever else is there."""
        there = names(window)
        mine = {case.category, case.category_2} - {""}
        found = set()
        if case.consents is not None and not there & set(case.consents):
            found.add("consent")
        if self.t.openings is not None and not any(
            o.allowed and o.case == case.case and o.destination in there
            for o in self.t.openings
        ):
            found.add("safeguards")
        if there & set(case.refused):
            found.add("refused")
        if there & set(case.forbidden):
            found.add("forbidden")
        if window.state not in self.states:
            found.add("state")
        if window.nationalities and case.nationality not in window.nationalities:
            found.add("nationality")
        if window.categories and not mine & set(window.categories):
            found.add("category")
        if window.min_size is not None and case.size < window.min_size:
            found.add("size")
        if window.max_size is not None and case.size > window.max_size:
            found.add("size")
        if set(case.needs) & set(window.excluded_needs):
            found.add("need")
        if window.programme in case.unmet:
            found.add("condition")
        if self.t.scores is not None and not any(
            s.case == case.case and s.programme == window.programme for s in self.t.scores
        ):
            found.add("not scored")
        ends = [d for d in (window.closes, window.valid_to, case.leave_by) if d]
        begins = [window.opens] if window.opens else []
        ready = case.ready_on or self.t.on
        if ready:
            begins.append(ready + timedelta(days=window.processing_days))
        if begins and ends and max(begins) > min(ends):
            found.add("deadline")
        return found

    def _options(self, members: Sequence[int]) -> list[int]:
        found = []
        for s, window in enumerate(self.windows):
            if any(self.barred(self.cases[i], window) for i in members):
                continue
            locks = [lock for i in members if (lock := self.lock_of(self.cases[i])) is not None]
            if all(p == window.programme and w in ("", window.window) for p, w in locks):
                found.append(s)
        locked = any((self.lock_of(self.cases[i]) or ("",))[0] for i in members)
        return found if locked else [-1, *found]

    def size(self, unit: int) -> int:
        return sum(self.cases[i].size for i in self.units[unit])

    def places(self, s: int) -> int:
        return self.windows[s].persons if self.windows[s].state in self.states else 0

    def most_places(self, s: int) -> int:
        """Places of a window with every condition met."""
        there = (self.windows[s].programme, self.windows[s].window)
        return self.places(s) + sum(
            p.opens_persons
            for p in self.pledges
            if (p.opens_programme, p.opens_window) == there
        )

    def counted(self, limit: Limit, unit: int) -> int:
        """Persons of a unit that a limit counts; an earmark counts everybody else."""
        mine = (limit.kind == "cap",)
        return sum(
            self.cases[i].size
            for i in self.units[unit]
            if counts(limit.who, self.cases[i]) in mine
        )

    # --- all choices ------------------------------------------------------------------------

    def _enumerate(self) -> None:
        n, w = len(self.units), len(self.windows)
        limits = list(self.t.limits)
        reached = [reach(limit, self.windows) for limit in limits]
        pledged = [
            next(s for s, x in enumerate(self.windows)
                 if (x.programme, x.window) == (p.opens_programme, p.opens_window))
            for p in self.pledges
        ]  # fmt: skip
        base = np.array([self.places(s) for s in range(w)])
        kept = [
            limit.persons if limit.kind == "cap" else max(0, int(base[r].sum()) - limit.persons)
            for limit, r in zip(limits, reached, strict=True)
        ]

        def rooms(opened: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """Places of each window and persons of each limit when these pledges are open."""
            rows = len(opened)
            room = np.tile(base, (rows, 1))
            under = np.tile(np.array(kept, int), (rows, 1))
            for k, (pledge, s) in enumerate(zip(self.pledges, pledged, strict=True)):
                room[:, s] += pledge.opens_persons * opened[:, k]
                for at, (limit, r) in enumerate(zip(limits, reached, strict=True)):
                    if limit.kind == "earmark" and s in r:
                        under[:, at] += pledge.opens_persons * opened[:, k]
            return room, under

        most, most_under = (
            x[0] for x in rooms(np.ones((1, len(self.pledges)), bool))
        )  # nothing more can open
        choice = np.zeros((1, 0), np.int8)
        used = np.zeros((1, w), np.int16)
        under = np.zeros((1, len(limits)), np.int16)
        for u in range(n):
            size = self.size(u)
            share = [self.counted(limit, u) for limit in limits]
            parts = []
            for s in self.options[u]:
                now, below = used.copy(), under.copy()
                if s >= 0:
                    now[:, s] += size
                    for at, r in enumerate(reached):
                        if s in r:
                            below[:, at] += share[at]
                fits = (now <= most).all(1) & (below <= most_under).all(1)
                here = np.hstack([choice, np.full((len(choice), 1), s, np.int8)])
                parts.append((here[fits], now[fits], below[fits]))
            if not parts:
                parts = [(np.zeros((0, u + 1), np.int8), used[:0], under[:0])]
            choice, used, under = (np.concatenate(x) for x in zip(*parts, strict=True))
            if len(choice) > MOST_CHOICES:
                raise TooMany
        # which conditions are met, and whether that gives room enough
        opened = np.zeros((len(choice), len(self.pledges)), bool)
        for k, pledge in enumerate(self.pledges):
            there = [
                s for s, x in enumerate(self.windows) if x.programme == pledge.if_programme
            ]
            taken = np.zeros(len(choice), int)
            for u in range(n):
                persons = sum(
                    self.cases[i].size
                    for i in self.units[u]
                    if counts(pledge.who, self.cases[i])
                )
                taken += persons * np.isin(choice[:, u], there)
            opened[:, k] = taken >= pledge.if_persons
        room, most_of = rooms(opened)
        fits = (used <= room).all(1) & (under <= most_of).all(1)
        for floor in self.aims.floors:
            persons = np.zeros(len(choice), int)
            for u in range(n):
                persons += self._of_group(floor, u) * (choice[:, u] >= 0)
            asked = ceil(floor.share * sum(self._of_group(floor, u) for u in range(n)) - 1e-9)
            fits &= persons >= asked
        self.choice, self.opened = choice[fits], opened[fits]
        self.used, self.room = used[fits], room[fits]
        self.value = {
            name: self._worth(name)
            for name in (
                "emergencies",
                "protection",
                "together",
                "who",
                "outcome",
                "keep",
                "lottery",
            )
        }
        self.value["last week"] = self._worth("last week")

    def _of_group(self, floor: Floor, unit: int) -> int:
        linked = any(unit in g for g in self.groups)
        total = 0
        for i in self.units[unit]:
            c, g = self.cases[i], floor.group
            lone = c.size == 1 and c.age is not None and c.age >= 60
            facts = {
                "category": g.get("category") in (c.category, c.category_2),
                "nationality": g.get("nationality") == c.nationality,
                "need": g.get("need") in c.needs,
                "priority": g.get("priority") == c.priority,
                "min_size": c.size >= g.get("min_size", 0),
                "max_size": c.size <= g.get("max_size", 99),
                "lone_older": lone is g.get("lone_older"),
                "linked": linked is g.get("linked"),
            }
            total += c.size * all(facts[key] for key in g)
        return total

    # --- what a choice is worth ---------------------------------------------------------------

    def _options_of(self, name: str) -> dict[str, object]:
        stage = self.aims.stage(name)
        return dict(stage.options) if stage else {}

    def later(self, s: int) -> float:
        """Quarters of a year since the first window opens; without days, the rank of its name."""
        days = [w.opens or w.closes for w in self.windows]
        if any(days):
            day = days[s]
            first = min(d for d in days if d)
            return 0.0 if day is None else (day - first).days / (365.25 / 4)
        return float(sorted({w.window for w in self.windows}).index(self.windows[s].window))

    def points(self, case: Case, window: Window) -> float:
        """What the outcome aim counts for one case in one window."""
        o = self._options_of("outcome")
        if not o:
            return 0.0
        line = next(
            (x for x in self.t.scores or ()
             if (x.case, x.programme) == (case.case, window.programme)), None,
        )  # fmt: skip
        total = 0.0
        if line is not None:
            total += o["score"] * line.score * (case.size if o["per"] == "person" else 1)
        for rank, wish in enumerate(case.preferred, 1):
            if wish in names(window):
                total += o["preference"] / rank
                break
        total += o["family_tie"] * bool(names(window) & set(case.ties))
        total += o["language"] * bool(set(case.languages) & set(window.languages))
        total += o["skill"] * bool(set(case.skills) & set(window.skills))
        return total

    def weight(self, case: Case, window: Window) -> float:
        o = self._options_of("protection")
        of_category = [o["category"].get(k, 1.0) for k in (case.category, case.category_2) if k]
        weight = (
            case.size * o["priority"].get(case.priority, 1.0) * max(of_category, default=1.0)
        )
        if o["use_acceptance"] and self.t.scores is not None:
            line = next(x for x in self.t.scores
                        if (x.case, x.programme) == (case.case, window.programme))  # fmt: skip
            weight *= 1.0 if line.acceptance is None else line.acceptance
        return weight

    def ticket(self, unit: int) -> float:
        """Last week's come first, then the published draw over the numbers of the unit's cases."""
        members = [self.cases[i].case for i in self.units[unit]]
        return self.drawn(unit) + any(c in self.t.previous for c in members)

    def drawn(self, unit: int, *more: str) -> float:
        name = "+".join(self.cases[i].case for i in self.units[unit])
        text = "|".join((str(self.seed), name, *more))
        return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) / 16**16

    def _worth(self, name: str) -> np.ndarray:
        total = np.zeros(len(self.choice))
        if name == "together":
            return self._togetherness()
        for u in range(len(self.units)):
            total += self._of_unit(name, u)[self.choice[:, u]]
        return total

    def _of_unit(self, name: str, u: int) -> np.ndarray:
        """What an aim counts for a unit by window; the last number is for no place."""
        factor = self._options_of("emergencies").get("later_window_counts", 1.0)
        by_window = np.zeros(len(self.windows) + 1)
        for s in self.options[u]:
            for i in self.units[u] if s >= 0 else ():
                case, window = self.cases[i], self.windows[s]
                if name == "emergencies":
                    urgent = case.priority == "emergency"
                    by_window[s] += case.size * urgent * factor ** self.later(s)
                elif name == "protection":
                    by_window[s] += self.weight(case, window)
                elif name == "who":
                    by_window[s] += case.size * self.ticket(u)
                elif name == "outcome":
                    by_window[s] += self.points(case, window)
                elif name == "last week":
                    members = [self.cases[j].case for j in self.units[u]]
                    by_window[s] += case.size * any(c in self.t.previous for c in members)
                elif name == "lottery":
                    # one draw for the unit and the window, whatever the number of its cases
                    by_window[s] = self.drawn(u, window.programme, window.window)
                elif name == "keep":
                    here = (window.programme, window.window)
                    by_window[s] += self.t.previous.get(case.case) == here
        return by_window

    def _togetherness(self) -> np.ndarray:
        """Units placed less the windows they are in, and less the countries, by group."""
        o = self._options_of("together")
        countries = [w.country or w.programme for w in self.windows]
        number = {c: k for k, c in enumerate(sorted(set(countries)))}
        country = np.array([number[c] for c in countries])
        total = np.zeros(len(self.choice))
        for group in self.groups:
            slots = self.choice[:, sorted(group)].astype(int)
            placed = (slots >= 0).sum(1)
            for worth, where in (
                (o.get("same_window", 0.0), slots),
                (o.get("same_country", 0.0), np.where(slots >= 0, country[slots], -1)),
            ):
                several = np.zeros(len(slots), int)
                for place in range(len(self.windows)):
                    several += (where == place).any(1)
                total += worth * (placed - several)
        return total

    # --- questions to it ----------------------------------------------------------------------

    def rows_of(self, placed: dict[str, tuple[str, str]]) -> np.ndarray:
        """Which row is this proposal: none when some rule is broken."""
        here = {(w.programme, w.window): s for s, w in enumerate(self.windows)}
        wanted = np.full(len(self.units), -1)
        for u, members in enumerate(self.units):
            got = {placed.get(self.cases[i].case) for i in members}
            if len(got) > 1:
                return np.zeros(0, int)
            (place,) = got
            wanted[u] = -1 if place is None else here[place]
        return np.flatnonzero((self.choice == wanted).all(1))

    def same_people(self, row: int) -> np.ndarray:
        """Choices that place exactly those whom this one places."""
        return ((self.choice >= 0) == (self.choice[row] >= 0)).all(1)

    def no_worse_alone(self, row: int) -> np.ndarray:
        """Choices in which every case leaves as soon, if it is an emergency, and counts as much
        for protection as in this one."""
        fits = np.ones(len(self.choice), bool)
        for name in ("emergencies", "protection"):
            for u in range(len(self.units)):
                each = self._of_unit(name, u)[self.choice[:, u]]
                fits &= each >= each[row] - 1e-6
        return fits

    def whole_groups(self) -> np.ndarray:
        """How many linked groups, of those with two members or more placed, share one window."""
        total = np.zeros(len(self.choice), int)
        for group in self.groups:
            slots = self.choice[:, sorted(group)].astype(int)
            placed = slots >= 0
            first = np.where(placed, slots, len(self.windows)).min(1)
            last = np.where(placed, slots, -1).max(1)
            total += (placed.sum(1) > 1) & (first == last)
        return total

    def fewest_more(self, case: str, row: int) -> int | None:
        """The fewest persons by which places, caps, earmarks and conditions of pledges would have
        to give way for this case to be let in beside everybody of a choice; None where no window
        may take it.

        One place more in a window also leaves one more for those an earmark is not for. Whoever is
        let in counts towards the conditions."""
        unit = self.unit_of[case]
        best: int | None = None
        for s, window in enumerate(self.windows):
            if any(self.barred(self.cases[i], window) for i in self.units[unit]):
                continue
            joined = self.choice[row].copy()
            joined[unit] = s
            lacking = [max(0, p.if_persons - self._taken(p, joined)) for p in self.pledges]
            closed = [k for k, n in enumerate(lacking) if n]
            for lowered in chain.from_iterable(
                combinations(closed, n) for n in range(len(closed) + 1)
            ):
                opened = [k for k, n in enumerate(lacking) if not n or k in lowered]
                total = sum(lacking[k] for k in lowered)
                more = self._fewest_with(s, unit, joined, opened)
                best = total + more if best is None else min(best, total + more)
        return best

    def _taken(self, pledge: Pledge, choice: np.ndarray) -> int:
        """Persons that count towards the condition of a pledge in a choice."""
        there = [s for s, w in enumerate(self.windows) if w.programme == pledge.if_programme]
        return sum(
            self.cases[i].size
            for u, members in enumerate(self.units)
            if choice[u] in there
            for i in members
            if counts(pledge.who, self.cases[i])
        )

    def _fewest_with(self, s: int, unit: int, joined: np.ndarray, opened: Sequence[int]) -> int:
        """The fewest persons by which places, caps and earmarks would have to give way, these
        pledges being open."""
        places = self.places(s) + self._gift(opened, [s])
        persons = sum(self.size(u) for u in range(len(self.units)) if joined[u] == s)
        best: int | None = None
        fewest = max(0, persons - places)
        for more in range(fewest, fewest + 60):
            total = more
            for limit in self.t.limits:
                r = reach(limit, self.windows)
                if s not in r:
                    continue
                taken = sum(
                    self.counted(limit, u) for u in range(len(self.units)) if joined[u] in r
                )
                if limit.kind == "cap":
                    total += max(0, taken - limit.persons)
                    continue
                there = sum(self.places(x) for x in r) + more
                gift = self._gift(opened, r)
                # an earmark gives way one by one: how far until the others fit
                less = 0
                while (
                    less <= limit.persons
                    and taken > max(0, there - (limit.persons - less)) + gift
                ):
                    less += 1
                total += less
            best = total if best is None else min(best, total)
        assert best is not None
        return best

    def _gift(self, opened: Sequence[int], windows: Sequence[int]) -> int:
        """Places that open pledges bring to some windows in all."""
        here = {(self.windows[x].programme, self.windows[x].window) for x in windows}
        return sum(
            p.opens_persons
            for k, p in enumerate(self.pledges)
            if k in opened and (p.opens_programme, p.opens_window) in here
        )
