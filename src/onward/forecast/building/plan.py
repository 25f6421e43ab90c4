"""What the plan does to a model: days of convoys, gates, capacities, pledges and multipliers.

Comes in: the plan's effects with their drawn dates. Goes out: gates on moves, pools with what fills
them, pledges that wait for others, and in words what of the plan could not be simulated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from onward.forecast.building.parts import Parts
from onward.forecast.learning.movements import NAMED, USUAL_GAP_DAYS, Movement, Seats
from onward.forecast.simulator.draws import Lognormal
from onward.forecast.simulator.model import (
    FOREVER,
    Capacity,
    Effect,
    Gate,
    Pledge,
    Supply,
    Transition,
)

if TYPE_CHECKING:
    from onward.plan.effects import PlanEffect, PlanEffects

# How many more people were ready than a short capacity could take, nobody counted: half as many
# again in the middle case.
UNMET = Lognormal(1.5, 0.4)


class Planned(Parts):
    """What opens, closes, fills and speeds."""

    def _declared(self, effects: PlanEffects | None) -> None:
        """Days of convoys and flights that the plan names, for moves that draw on the capacity."""
        import numpy as np

        known = {edge.move for edge in self.edges}
        for pool, days in (effects.draws.departs if effects is not None else {}).items():
            gaps = np.diff(np.median(days, axis=0))
            windows = [
                float(effect.window_days)
                for effect in (effects.effects if effects is not None else ())
                if effect.kind == "cap" and pool in effect.targets and effect.window_days
            ]
            usual = (
                float(np.median(gaps)) if len(gaps) else max(windows, default=USUAL_GAP_DAYS)
            )
            for move in self._consumers(pool):
                if move in known:
                    one = self.movements.get(move, Movement(move, (), max(usual, 1.0)))
                    self.movements[move] = replace(one, declared=days.shape[1])
                    self.departs[move] = days - 1

    def _days(self) -> None:
        """Convoys and flights: open on their days only."""
        moves = self.rulebook.moves()
        for move, one in self.movements.items():
            names = one.columns(self.horizon)
            for name in (*names, *(f"{name} over" for name in names)):
                self.sources[name] = "plan dates"
            gate = f"{NAMED}{move}"
            self.factors.append(Gate(gate, [(name, f"{name} over") for name in names]))
            self._attach(gate, (move,))
            title = self.rulebook.transitions[moves[move].transition].title.lower()
            often = f"about every {one.usual:.0f} days" if one.gaps else "once so far"
            seen = "not yet seen in the log"
            if one.days:
                last = self.as_of + dt.timedelta(days=one.days[-1])
                seen = f"{often}, last on {last.day} {last:%B %Y}"
            then = "The next days are drawn from the gaps between past ones."
            if one.declared:
                then = (
                    f"The next {one.declared} are the plan's; later ones are drawn from the gaps "
                    "between past ones."
                )
            self.assumptions.append(f"{move} ({title}) happens on certain days: {seen}. {then}")

    def add(self, effect: PlanEffect) -> None:
        """Take one effect of the plan, or say why it is left out."""
        if effect.target_kind == "finding":
            self._leave(effect, "changes a safeguard's finding; its pace is in the log's rates")
            return
        if effect.target_kind == "transition":
            known = {edge.move for edge in self.edges}
            if not known & set(effect.targets):
                if all(
                    self.rulebook.moves()[key].pathway == "handover" for key in effect.targets
                ):
                    self._leave(effect, "concerns hand-over, which nobody has begun")
                elif effect.targets:
                    self._leave(effect, f"no one can come to {', '.join(effect.targets)}")
                return
            if effect.one_of_many:
                self._leave(effect, f"one destination only ({effect.destination})")
                return
            self._not_everyone(effect)
            if effect.kind == "gate":
                self._gate(effect)
            else:
                self._speed(effect, effect.targets)
        elif effect.kind == "cap":
            self._supply(effect)
        else:
            self._speed(effect, self._consumers(*effect.targets))

    def _not_everyone(self, effect: PlanEffect) -> None:
        """A condition on people that the model does not tell apart is said, not dropped."""
        limits = []
        if not effect.who.everyone:
            limits.append(str(effect.who))
        if effect.families_only:
            limits.append("families")
        for column, values in (effect.conditions or {}).items():
            words = " or ".join(value.replace("_", " ") for value in values)
            limits.append(f"{column.replace('_', ' ')} {words}")
        if limits:
            what = (
                "its places are counted as open to" if effect.kind == "cap" else "taken as for"
            )
            self._leave(effect, f"only for {'; '.join(limits)}; {what} everybody waiting")

    def _window(self, effect: PlanEffect) -> tuple[str, str]:
        """The columns of its first and last day, as the simulator counts them.

        The plan counts from the as-of date, whose end is the origin: its day 1 is the
        simulator's day 0. A last day is included; the simulator's `until` is not.
        """
        start = self._column(f"{effect.id} from", effect.starts - 1)
        end = self._column(f"{effect.id} until", effect.ends)
        return start, end

    def _gate(self, effect: PlanEffect) -> None:
        window = self._window(effect)
        if effect.closed:
            gate = Gate(effect.id, [window], closed=True)
            self.factors.append(gate)
            self._attach(gate.id, effect.targets)
            return
        for move in effect.targets:
            self._gates.setdefault(move, {}).setdefault(effect.gate, []).append(window)

    def _speed(self, effect: PlanEffect, moves: Sequence[str]) -> None:
        factor = self._column(f"{effect.id} factor", effect.values, "effects")
        self.factors.append(Effect(effect.id, factor, *self._window(effect)))
        self._attach(effect.id, moves)

    def _supply(self, effect: PlanEffect) -> None:
        self._not_everyone(effect)
        pool = effect.targets[0]
        amount = self._column(f"{effect.id} amount", effect.values, "effects")
        start, end = self._window(effect)
        if effect.after is not None:
            self._waiting.append(effect)
            return
        supply = Supply(amount, start, end)
        self._supplies.setdefault(pool, []).append((supply, effect.window_days, effect.counts))

    def pools(self) -> list[Capacity]:
        """One pool per capacity the plan fills."""
        made = []
        for pool in sorted(self._filled()):
            supplies = self._supplies.get(pool, [])
            lengths = {length for _, length, _ in supplies}
            if (convoy := self._convoy(pool)) is not None:
                made.append(convoy)
                continue
            in_units = bool(supplies) and all(kind == "units" for *_, kind in supplies)
            counts: Literal["people", "units"] = "units" if in_units else "people"
            if len(lengths) <= 1:
                length = next(iter(lengths), None)
                items = [supply for supply, _, _ in supplies]
                made.append(Capacity(pool, items, counts, length, carry=length is None))
                continue
            longest = max(length for length in lengths if length is not None)
            known = sorted(length for length in lengths if length is not None)
            if len(known) > 1:
                self.left_out.append(
                    f"{pool}: what comes every {' and every '.join(str(n) for n in known)} days "
                    f"is taken as even and counted every {longest} days"
                )
            items = [self._every(supply, length, longest) for supply, length, _ in supplies]
            made.append(Capacity(pool, items, counts, longest))
        return made

    def _convoy(self, pool: str) -> Capacity | None:
        """A capacity of one kind of convoy: its seats come with each of them."""
        known = {edge.move for edge in self.edges}
        moves = [move for move in self._consumers(pool) if move in known]
        supplies = self._supplies.get(pool, [])
        if len(moves) != 1 or moves[0] not in self.movements or not supplies:
            return None
        if any(effect.targets[0] == pool for effect in self._waiting):
            return None
        windows = [length for _, length, _ in supplies if length is not None]
        kinds = {kind for *_, kind in supplies}
        if len(windows) < len(supplies) or len(kinds) > 1:
            return None
        self.seats[pool] = Seats(
            moves[0],
            tuple(
                (str(one.amount), str(one.start), str(one.end), window)
                for (one, *_), window in zip(supplies, windows, strict=True)
            ),
        )
        days = self.movements[moves[0]].columns(self.horizon)
        names = Seats.columns(pool, days)
        for name in names:
            self.sources[name] = "effects"
        items = [
            Supply(name, day, f"{day} over") for name, day in zip(names, days, strict=True)
        ]
        counts: Literal["people", "units"] = "units" if kinds == {"units"} else "people"
        return Capacity(pool, items, counts, 1)

    def _filled(self) -> set[str]:
        return set(self._supplies) | {effect.targets[0] for effect in self._waiting}

    def _every(self, supply: Supply, length: int | None, days: int) -> Supply:
        """The same supply, counted every so many days; a one-off falls in one window."""
        if length == days:
            return supply
        if length is None:
            # Places given once last one window: more cannot be told apart in a mixed pool.
            end = f"{supply.start} plus a window"
            self._column(end, self.columns[str(supply.start)] + days)
            return replace(supply, end=end)
        name = f"{supply.amount} every {days} days"
        self._column(name, self.columns[str(supply.amount)] * (days / length), "effects")
        return replace(supply, amount=name)

    def pledges(self, transitions: Sequence[Transition], occupied: set[str]) -> list[Pledge]:
        """Places that open once enough people have left on another pledge.

        How many have is what the plan says of that pledge. Which pledge a place will come from nobody
        knows, so those who leave are shared among the pledges of the pool by their places, future by future.
        """
        import numpy as np

        made = []
        for effect in self._waiting:
            assert effect.after is not None
            pool = effect.targets[0]
            other = effect.after.pledge
            supplies = [supply for supply, *_ in self._supplies.get(pool, [])]
            places = np.zeros_like(effect.values)
            theirs = np.zeros_like(effect.values)
            for supply in supplies:
                opens = self.columns[str(supply.start)] < np.inf
                amount = np.where(opens, self.columns[str(supply.amount)], 0.0)
                places += amount
                if str(supply.amount).startswith(f"{other}/"):
                    theirs += amount
            needed = max(effect.after.departed_people - effect.gone, 0)
            share = np.divide(theirs, places, out=np.zeros_like(places), where=places > 0)
            threshold = np.divide(
                needed, share, out=np.full_like(share, np.inf), where=share > 0
            )
            if not needed:
                threshold = np.zeros_like(share)
            threshold = np.where(np.isfinite(effect.starts), threshold, np.inf)
            drawing = [
                one.id
                for one in transitions
                if pool in one.capacities and one.source in occupied
            ]
            if not drawing:
                self._leave(effect, "nobody can use its places")
                continue
            made.append(
                Pledge(
                    effect.id,
                    pool,
                    drawing,
                    self._column(f"{effect.id} after people", threshold),
                    self._column(f"{effect.id} amount", effect.values, "effects"),
                    float(effect.after.delay_days),
                )
            )
            self.assumptions.append(
                f"{effect.source} opens its places {effect.after.delay_days} days after "
                f"{effect.after.departed_people} people have left on {other}; by the plan "
                f"{effect.gone} have so far, and those to come are shared among the pledges by their "
                "places. Its own opening date is not waited for beyond that."
            )
        return made

    def _lapsing(self) -> None:
        """Places given once are lost when the last pledge of their kind ends."""
        import numpy as np

        for pool in sorted(self._filled()):
            supplies = self._supplies.get(pool, [])
            if not supplies or any(length is not None for _, length, _ in supplies):
                continue
            ends = [self.columns[str(supply.end)] for supply, *_ in supplies]
            waiting = [effect for effect in self._waiting if effect.targets[0] == pool]
            ends += [effect.ends for effect in waiting]
            last = np.max(ends, axis=0)
            if not np.isfinite(last).any():
                continue
            name = f"{pool} last day"
            self._column(name, last)
            for move in self._consumers(pool):
                self._gates.setdefault(move, {}).setdefault(f"{pool} not lapsed", []).append(
                    (-FOREVER, name)
                )
            if len(ends) > 1:
                self.left_out.append(
                    f"{pool}: places of one pledge left over when it ends are counted as usable "
                    "until the last pledge ends"
                )

    def _unmet(self, pool: str) -> str:
        """The factor by which more people are ready than the capacity let through so far."""
        name = f"more were ready than {pool} could take"
        if name not in self.laws:
            self.factors.append(Effect(name, self._law(name, UNMET, "rates")))
            self.assumptions.append(
                f"{pool} was as good as used up so far, so more people were ready than moved: "
                "half as many again, possibly many more. Nobody counted them."
            )
        return name
