"""Questions about a proposal in short words, and the tables as they would be.

In: "places:Norland@Spring=+5" and the like, and `Tables`. Out: a `Change` for each, and the tables
after all of them, or every name that is not there. Nothing is placed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from onward.errors import Fault, Faults, one_of
from onward.placement.inputs.scores import ScoreColumns
from onward.placement.inputs.tables import Case, Lock, Tables, Window

GRAMMAR = (
    "places:PROGRAMME[@WINDOW]=+5 (or -5, or 40), delay:PROGRAMME[@WINDOW]=30 (days), "
    "limit:LIMIT=+5 (or 12), condition:PLEDGE=20 (persons), remove:PROGRAMME[@WINDOW], "
    "add:NEW[@WINDOW]=20 like PROGRAMME, unlock:CASE, place:CASE=PROGRAMME[@WINDOW], wait:CASE"
)
OF_CASES = ("unlock", "place", "wait")
OF_PLACES = ("places", "delay", "remove")


@dataclass(frozen=True)
class Change:
    """One question. what: places, delay, limit, condition, remove, add, unlock, place or wait;
    relative: the amount is added to what is there rather than put in its place.

    place puts the case `name` into a programme (window None: any of its windows); wait holds it
    back. Both are an override in question. add is a new programme `name` on the terms of
    `programme`, for those who consented to that one."""

    what: str
    name: str
    window: str | None = None
    amount: int = 0
    relative: bool = False
    programme: str = ""

    @property
    def lock(self) -> Lock | None:
        """The lock that an override in question is."""
        if self.what not in ("place", "wait"):
            return None
        return Lock(self.name, self.programme, self.window or "")

    @property
    def assumes(self) -> str:
        """What the answer takes for granted, in words; "" for nothing."""
        if self.what != "add":
            return ""
        return (
            f"{self.name} is answered as if everybody said of it what they said of {self.programme}: "
            "consents, wishes, scores. Ask them before anybody is submitted."
        )

    def means(self, window: Window) -> bool:
        return window.programme == self.name and self.window in (None, window.window)

    def new(self, now: int) -> int:
        return max(0, now + self.amount if self.relative else self.amount)


def parse_change(text: str) -> Change:
    """A change from its short form, for example "places:Norland@Spring=+5"."""
    put = re.fullmatch(r"place:([^=]+)=([^@]+)(?:@(.+))?", text)
    if put is not None:
        window = put[3].strip() if put[3] else None
        return Change("place", put[1].strip(), window, programme=put[2].strip())
    new = re.fullmatch(r"add:([^@=]+)(?:@([^=]+))?=(\d+)\s+like\s+(.+)", text)
    if new is not None:
        window = new[2].strip() if new[2] else None
        return Change("add", new[1].strip(), window, int(new[3]), programme=new[4].strip())
    match = re.fullmatch(
        r"(places|delay|limit|condition|remove|unlock|wait):([^@=]+)(?:@([^=]+))?(?:=([+-]?)(\d+))?",
        text,
    )
    if match is None or ((match[5] is None) != (match[1] in ("remove", "unlock", "wait"))):
        raise Faults([Fault("--what-if", "", "", "not understood", GRAMMAR)])
    sign = -1 if match[4] == "-" else 1
    return Change(
        match[1], match[2].strip(), match[3], sign * int(match[5] or 0), bool(match[4])
    )


def changed(tables: Tables, changes: Sequence[Change]) -> Tables:
    """The tables after the changes. Raises `Faults` for a name that is not there."""
    faults: list[Fault] = []
    for change in changes:
        fault = _fault(tables, change)
        if fault is not None:
            faults.append(fault)
        else:
            tables = _CHANGED[change.what](tables, change)
    if faults:
        raise Faults(faults)
    return tables


def _fault(tables: Tables, change: Change) -> Fault | None:
    """What the question names and the tables do not hold, with what they do hold."""
    what, name = change.what, change.name
    windows = [w.name.replace(", ", "@") for w in tables.windows]
    programmes = [w.programme for w in tables.windows]

    def missing(known: Iterable[str], remedy: str = "", found: str = "") -> Fault:
        found = found or "a name that the input does not have"
        return Fault("--what-if", "", what, found, one_of(sorted(set(known))), remedy)

    if what in OF_PLACES:
        there = [w for w in tables.windows if change.means(w)]
        if what == "delay" and there and not any(w.opens or w.closes for w in there):
            return Fault("--what-if", "", what, "a window without a first or last day", "one that has days",
                         "Give its days under opens and closes: without them a delay changes nothing.")  # fmt: skip
        return None if there else missing(windows + programmes)
    if what in ("limit", "condition"):
        known = [x.limit for x in tables.limits]
        if what == "condition":
            known = [x.pledge for x in tables.pledges]
        remedy = "" if known else f"The input holds no such {what}."
        return None if name in known else missing(known, remedy)
    if what == "add":
        if name in programmes:
            return Fault("--what-if", "", what, "a programme that the input has already",
                         "the name of a new one", "Ask places: for more of its places.")  # fmt: skip
        return None if change.programme in programmes else missing(programmes)
    if not any(c.case == name for c in tables.cases):
        return missing((), "The input holds no such case.")
    if what == "unlock":
        locked = any(c.case == name and c.locked for c in tables.cases)
        locked |= any(x.case == name for x in tables.locks)
        return None if locked else missing((), "Only a case that is locked can be let go.")
    if what == "place" and not any(
        w.programme == change.programme and change.window in (None, w.window)
        for w in tables.windows
    ):
        return missing(windows + programmes, found="a place that the input does not have")
    return None


def _with_windows(tables: Tables, change: Change) -> Tables:
    def after(w: Window) -> Window:
        if not change.means(w):
            return w
        if change.what == "places":
            return replace(w, persons=change.new(w.persons))
        if change.what == "remove":
            return replace(w, persons=0, state="withdrawn")
        later = timedelta(days=change.amount)
        return replace(
            w,
            opens=w.opens + later if w.opens else None,
            closes=w.closes + later if w.closes else None,
        )

    return replace(tables, windows=tuple(after(w) for w in tables.windows))


def _with_limit(tables: Tables, change: Change) -> Tables:
    return replace(tables, limits=tuple(
        replace(x, persons=change.new(x.persons)) if x.limit == change.name else x
        for x in tables.limits))  # fmt: skip


def _with_condition(tables: Tables, change: Change) -> Tables:
    return replace(tables, pledges=tuple(
        replace(x, if_persons=change.new(x.if_persons)) if x.pledge == change.name else x
        for x in tables.pledges))  # fmt: skip


def _with_programme(tables: Tables, change: Change) -> Tables:
    """A new programme on the terms of another: its country, criteria and dates, and whatever a
    case says of that one, said of the new one too."""
    new, model = change.name, change.programme
    theirs = [w for w in tables.windows if w.programme == model]
    named = [w for w in theirs if w.window == change.window]
    terms = replace((named or theirs)[0], programme=new, persons=change.amount)
    if change.window is not None:
        terms = replace(terms, window=change.window)

    def also(names: tuple[str, ...]) -> tuple[str, ...]:
        return (*names, new) if model in names else names

    def said(case: Case) -> Case:
        return replace(
            case,
            refused=also(case.refused),
            forbidden=also(case.forbidden),
            unmet=also(case.unmet),
            preferred=also(case.preferred),
            ties=also(case.ties),
            consents=None if case.consents is None else also(case.consents),
        )

    scores, openings = tables.scores, tables.openings
    if scores is not None:
        like = (replace(s, programme=new) for s in scores if s.programme == model)
        scores = ScoreColumns.of((*scores, *like))
    if openings is not None:
        openings += tuple(
            replace(o, destination=new) for o in openings if o.destination == model
        )
    return replace(
        tables, cases=tuple(said(c) for c in tables.cases), windows=(*tables.windows, terms),
        scores=scores, openings=openings,
    )  # fmt: skip


def _with_lock(tables: Tables, change: Change) -> Tables:
    """The case unlocked; where the question is an override, locked as that would."""
    return replace(
        tables,
        cases=tuple(
            replace(c, locked="", locked_window="") if c.case == change.name else c
            for c in tables.cases
        ),
        locks=(
            *(x for x in tables.locks if x.case != change.name),
            *(() if change.lock is None else (change.lock,)),
        ),
    )


_CHANGED: dict[str, Callable[[Tables, Change], Tables]] = {
    **dict.fromkeys(OF_PLACES, _with_windows),
    **dict.fromkeys(OF_CASES, _with_lock),
    "limit": _with_limit,
    "condition": _with_condition,
    "add": _with_programme,
}
