"""Why people will still be here, what the width comes from, and what would narrow it.

Comes in: a simulated forecast with the parameters of every future. Goes out: plain numbers and
sentences for the reader: who is held by a gate that is shut, who finds no place, who has not
chosen, who is on the way; how much of the spread each kind of doubt accounts for; which single
thing, if it were known, would narrow the answer most; and what cannot be told yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from onward.forecast.building.builder import ARRIVALS
from onward.forecast.learning.behaviour import TERMS
from onward.forecast.learning.movements import NAMED
from onward.forecast.simulator.model import Gate, Transition

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.forecast.building.inputs import Inputs
    from onward.forecast.simulator.draws import ParameterDraws
    from onward.forecast.simulator.futures import Futures

    FloatArray = npt.NDArray[np.float64]

LAST_DAYS = 28
SOURCES = ("rates", "effects", "plan dates", "behaviour", "shocks", "chance")
LEAST_SHARE = 0.03
MOST_NAMED = 6
NARROWEST = "What would narrow it most, if it were known"
COMING = {"arrivals": "how many people arrive", "births": "how many children are born"}
Kind = Literal["not chosen", "shut", "no place", "under way"]


@dataclass(frozen=True)
class Reason:
    """One reason to be still here.

    kind     not chosen: people have not chosen a way yet; shut: every way on is shut on the day;
             no place: ready, and turned away for lack of places; under way: none of these
    name     the gate, the capacity, or the state
    groups   (futures, groups) how many on the last day, groups in the order of `Inputs.told_apart`
    """

    kind: Kind
    name: str
    groups: FloatArray

    @property
    def people(self) -> FloatArray:
        """(futures,) how many on the last day."""
        total: FloatArray = self.groups.sum(axis=1)
        return total


def reasons(inputs: Inputs, rows: ParameterDraws, made: Futures, days: int) -> list[Reason]:
    """Everybody still here on the last day, each under one reason.

    made   with units on the last day, and flows on the last day and LAST_DAYS before it (or the
           first)
    A capacity turns away a share of those who ask; that share of the people who wait for it is
    counted as finding no place, the same in every group.
    """
    import numpy as np

    model = inputs.model
    sizes = np.array(made.sizes)
    people = (made.units[:, -1] * sizes).sum(axis=3).astype(float)
    turned = _turned_away(made, max(days - 1 - LAST_DAYS, 0))
    shut = {
        factor.id: ~_open(factor, rows, days - 1)
        for factor in model.factors
        # Whoever waits for the next convoy is on the way.
        if isinstance(factor, Gate) and not factor.id.startswith(NAMED)
    }
    forward: dict[str, list[Transition]] = {name: [] for name in made.states}
    for transition in model.transitions:
        if transition.id in inputs.forward:
            forward[transition.source].append(transition)
    found: dict[tuple[Kind, str], FloatArray] = {}

    def add(kind: Kind, name: str, who: FloatArray) -> None:
        if who.any():
            found[kind, name] = found.get((kind, name), np.zeros_like(who)) + who

    for index, state in enumerate(model.states):
        if not state.present:
            continue
        rest = people[:, index].copy()
        ways = forward[state.id]
        if ways:
            # Shut only where every way on is; named after the gate of the first way.
            closed = np.ones(len(rest), dtype=bool)
            for way in ways:
                stopped = np.zeros(len(rest), dtype=bool)
                for name in way.factors:
                    if name in shut:
                        stopped |= shut[name]
                closed &= stopped
            for name in ways[0].factors:
                if name in shut:
                    held = closed & shut[name]
                    add(*_gate(name), np.where(held[:, None], rest, 0.0))
                    rest = np.where(held[:, None], 0.0, rest)
                    closed &= ~held
            pools = {pool for way in ways for pool in way.capacities}
            for pool in sorted(pools):
                none = rest * turned[pool][:, None]
                add("no place", pool, none)
                rest = rest - none
        if state.id in inputs.undecided:
            add("not chosen", state.id, rest)
        else:
            add("under way", state.id, rest)
    columns = {name: number for number, name in enumerate(model.strata)}
    groups = [[columns[one] for one in strata] for strata in inputs.told_apart.values()]
    return [
        Reason(kind, name, np.stack([who[:, of].sum(axis=1) for of in groups], axis=1))
        for (kind, name), who in found.items()
    ]


def _gate(name: str) -> tuple[Kind, str]:
    """What a shut gate means to the reader: lapsed places are no places."""
    name = name.removesuffix(" open")
    if name.endswith(" not lapsed"):
        return "no place", name.removesuffix(" not lapsed")
    return "shut", name


def _turned_away(made: Futures, since: int) -> dict[str, FloatArray]:
    """Capacity -> (futures,) share of those who asked since a day and found no room."""
    import numpy as np

    first = made.flows_on.index(since)
    given = (made.used[:, -1] - made.used[:, first]).astype(float)
    refused = (made.refused[:, -1] - made.refused[:, first]).astype(float)
    share = np.divide(refused, given + refused, out=np.zeros_like(given), where=refused > 0)
    return {name: share[:, k] for k, name in enumerate(made.capacities)}


def _open(gate: Gate, rows: ParameterDraws, day: float) -> npt.NDArray[np.bool_]:
    """(futures,) whether the gate is open on a day."""
    import numpy as np

    inside = np.zeros(rows.futures, dtype=bool)
    for window in gate.windows:
        start, end = (
            rows.column(edge) if isinstance(edge, str) else np.full(rows.futures, float(edge))
            for edge in window
        )
        inside |= (start <= day) & (day < end)
    return np.asarray(~inside if gate.closed else inside)


def split(
    inputs: Inputs,
    rows: ParameterDraws,
    seed: int,
    *,
    days: int,
    futures: int,
    threads: int | None = None,
) -> dict[str, float]:
    """How much of the spread on the last day each kind of doubt accounts for, adding up to 1.

    Each kind is drawn anew while all the others stay as they are, future by future; what moves
    the answer more accounts for more (source: the total effect of Jansen, Comput. Phys. Commun.
    117, 1999). Where kinds work together, each gets its part in proportion.
    """
    import numpy as np

    from onward.forecast.simulator.draws import ParameterDraws
    from onward.forecast.simulator.futures import Group, Outputs, simulate

    model = inputs.model
    here = [state.id for state in model.states if state.present]
    outputs = Outputs(present={"all": Group(states=here)})
    first = rows.values[:futures]

    def final(values: FloatArray, chance: int, shock: int) -> FloatArray:
        made = simulate(
            model, inputs.derived(ParameterDraws(rows.names, values)), futures, chance, days=days, keyed=True,
            outputs=outputs, threads=threads, shock_seed=shock, path="general",
        )  # fmt: skip
        return made.present["all"][:, -1].astype(float)

    base = final(first, seed, seed)
    other = np.roll(first, max(futures // 2, 1), axis=0)
    moved = {}
    for source in SOURCES:
        values = first.copy()
        columns = [j for j, name in enumerate(rows.names) if inputs.sources.get(name) == source]
        if source not in ("shocks", "chance") and not columns:
            continue
        values[:, columns] = other[:, columns]
        then = final(
            values, seed + 1 if source == "chance" else seed,
            seed + 1 if source == "shocks" else seed,
        )  # fmt: skip
        moved[source] = float(np.mean((base - then) ** 2) / 2)
    total = sum(moved.values())
    if total <= 0:
        return {}
    return {source: round(value / total, 3) for source, value in moved.items()}


def narrowing(shares: Mapping[str, float]) -> dict[str, float]:
    """How much narrower the range would be if one kind of doubt were gone; "chance" is what
    would be left if everything but chance were."""
    found = {source: narrower(share) for source, share in shares.items() if source != "chance"}
    if "chance" in shares:
        found["chance"] = round(shares["chance"] ** 0.5, 3)
    return found


def narrower(share: float) -> float:
    """How much narrower a range is without what this share of the spread comes from."""
    return float(round(1 - (1 - share) ** 0.5, 3))


def narrow(
    inputs: Inputs, rows: ParameterDraws, final: FloatArray
) -> list[tuple[str, str, float]]:
    """The single things that would narrow the answer most: (kind, name, share of the spread).

    name   for rates the move; for the plan the id in the plan; for behaviour the term
    The share is that of a straight line through ranks, so what works both ways counts less.
    """
    import numpy as np

    groups: dict[tuple[str, str], list[int]] = {}
    for j, parameter in enumerate(rows.names):
        source = inputs.sources.get(parameter)
        if source is not None:
            groups.setdefault((source, _named(parameter, source)), []).append(j)
    y = _ranks(final)
    if y.std() == 0:
        return []
    found = []
    for (source, name), columns in groups.items():
        varied = [j for j in columns if (rows.values[:, j] != rows.values[0, j]).any()]
        if not varied:
            continue
        x = np.stack([_ranks(rows.values[:, j]) for j in varied], axis=1)
        # By the normal equations: a few columns of ranks, and fifty times cheaper than by rotations.
        fit = np.linalg.pinv(x.T @ x, hermitian=True) @ (x.T @ y)
        left = float(((y - x @ fit) ** 2).mean() / (y**2).mean())
        n, k = x.shape
        share = 1 - left * (n - 1) / max(n - k - 1, 1)
        if share >= LEAST_SHARE:
            found.append((source, name, round(share, 3)))
    return sorted(found, key=lambda one: (-one[2], one[1]))[:MOST_NAMED]


def _named(parameter: str, source: str) -> str:
    if parameter.startswith(NAMED):
        return parameter.split(",")[0]
    if parameter.startswith(ARRIVALS):
        return "arrivals"
    if source == "rates" and parameter.startswith("rate "):
        return parameter.removeprefix("rate ").rsplit(" [", 1)[0]
    if source in ("plan dates", "effects"):
        return parameter.split("/")[0].split(" ")[0]
    if source == "behaviour":
        for word, term in (
            ("news", "news"), ("hold", "leadership"), ("stop", "incident"),
            ("ordinary", "incident"), ("deadline", "deadline"),
            ("difference", "differ"),
        ):  # fmt: skip
            if parameter.startswith(word):
                return term
    return parameter


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks about zero, equal values sharing theirs."""
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks = middle[inverse].astype(float)
    return np.asarray(ranks - ranks.mean())


def unknown(
    inputs: Inputs,
    *,
    start: int,
    levels: Mapping[str, float],
    left: Mapping[str, Mapping[str, float]],
    named: Sequence[tuple[str, str, float]],
) -> list[str]:
    """What the record cannot tell yet, in words; empty where it can tell.

    levels  people on the last day by level;  left  pathway -> level -> people who leave by it
    named   from `narrow`
    """
    said = []
    width = levels["q90"] - levels["q10"]
    if start and width > 0.4 * start:
        said.append(
            f"How many will still be here is not known yet: the range holds {width / start:.0%} "
            "of the people here today."
        )
    for way, at in left.items():
        low, high = at["q10"], at["q90"]
        if high > 3 * low and high - low >= max(20.0, 0.01 * start):
            said.append(
                f"How many will leave by {way} is not known yet: {low:,.0f} to {high:,.0f} in 8 "
                "of 10 futures."
            )
    learnt = inputs.rates.learnt
    if learnt is not None:
        used = {_named(p, s) for p, s in inputs.sources.items() if s == "behaviour"}
        said += [
            f"This log cannot tell {words}."
            for term, words in TERMS.items()
            if term in used and learnt.told.get(term, 1.0) < 0.3
        ]
    if said and named:
        said.append(f"{NARROWEST}: {said_names(named[:3])}.")
    return said


def said_names(named: Sequence[tuple[str, str, float]]) -> str:
    """The things of `narrow` in words, one after another."""
    words = {
        "rates": "how fast {} really goes",
        "plan dates": "when {} begins and ends",
        "effects": "how much {} gives",
        "shocks": "the good and bad months ahead",
    }
    return "; ".join(
        dict.fromkeys(
            f"the days of {name}"
            if name.startswith(NAMED)
            else TERMS[name]
            if kind == "behaviour"
            else COMING[name]
            if kind == "rates" and name in COMING
            else words[kind].format(name)
            for kind, name, _ in named
        )
    )
