"""The reference job "camp-365", stated once for our engine and for every peer.

Exists so that all engines run the same law and can be held to the same draws. 3,700 people in
eight strata move between nine states in 365 daily steps, with a timed interview programme, a
deadline that draws near, two assurances, resettlement places from a date, news of those who
left and a leadership that discourages. On a day everyone sees the counts of the morning; with L
the sum of the hazards out of a state, a person stays with probability exp(-L) and goes to k with
probability (1 - exp(-L)) hazard_k / L. Comes out: `rates`, `factors`, `start` for the peers, and
`camp()`, the same job as an Onward model.
"""

from __future__ import annotations

import numpy as np

from onward.forecast.simulator.draws import Fixed, Gamma, Lognormal
from onward.forecast.simulator.model import (
    Approach,
    Effect,
    Feedback,
    Model,
    State,
    Term,
    Transition,
)

DAYS = 365
STATES = (
    "member", "interviewed", "wants return", "returned", "renounced", "refugee status",
    "resettled", "departed", "stays",
)  # fmt: skip
GONE = (3, 6, 7)
PRESENT = (0, 1, 2, 4, 5, 8)
LOYAL = (0, 1, 8)
# people, group (0 recognised refugees, 1 others), wish to leave, renouncing, reached
STRATA = (
    (120, 0, 1.0, 1.0, 1.0),
    (80, 0, 0.8, 1.0, 1.0),
    (900, 1, 0.7, 1.4, 0.8),
    (700, 1, 0.9, 1.2, 0.9),
    (600, 1, 1.0, 1.0, 1.0),
    (500, 1, 1.1, 0.9, 1.0),
    (500, 1, 1.3, 0.8, 1.1),
    (300, 1, 1.6, 0.7, 1.2),
)
NAMES = tuple(f"stratum {i + 1}" for i in range(len(STRATA)))
PEOPLE = np.array([s[0] for s in STRATA])
GROUP = np.array([s[1] for s in STRATA])
FIRST = np.where(GROUP == 0, 5, 0)
LAG_DAYS = 7
COLUMN = {"same": None, "leave": 2, "renounce": 3, "reach": 4}
# id, from, to, hazard a day, which covariate, which terms, responds to news, to leadership
WAYS = (
    ("interview", 0, 1, 1.0, "reach", ("interviews",), False, False),
    ("leave unprocessed", 0, 7, 0.0006, "leave", ("deadline",), True, True),
    ("choose return", 1, 2, 0.0100, "leave", ("deadline", "assurance one"), True, True),
    ("renounce", 1, 4, 0.0040, "renounce", ("deadline",), False, True),
    ("choose to stay", 1, 8, 0.0060, "same", (), False, False),
    ("leave interviewed", 1, 7, 0.0008, "leave", ("deadline",), True, False),
    ("return", 2, 3, 0.0120, "same", ("deadline", "assurance two"), False, False),
    ("withdraw", 2, 1, 0.0020, "same", (), False, False),
    ("recognise", 4, 5, 0.0100, "same", (), False, False),
    ("leave renounced", 4, 7, 0.0010, "leave", (), True, False),
    ("resettle", 5, 6, 1.0, "same", ("places",), False, False),
    ("leave recognised", 5, 7, 0.0012, "leave", ("deadline",), True, False),
    ("reconsider", 8, 1, 0.0010, "same", (), True, False),
    ("leave staying", 8, 7, 0.0003, "leave", ("deadline",), True, False),
)


# --- the job for peers ---------------------------------------------------------------------


def terms() -> dict[str, np.ndarray]:
    """(365,) multipliers by name."""
    day = np.arange(DAYS)
    return {
        "interviews": np.where((day >= 30) & (day < 300), 0.015, 0.0005),
        "deadline": 1.0 + np.where(day >= 120, 1.5 * np.exp((day - 365.0) / 60.0), 0.0),
        "assurance one": np.where(day >= 150, 1.3, 1.0),
        "assurance two": np.where(day >= 150, 1.6, 1.0),
        "places": np.where(day >= 180, 0.006, 0.0005),
    }


def rates() -> np.ndarray:
    """(365, strata, transitions) hazards a day before feedback."""
    by_name = terms()
    table = np.empty((DAYS, len(STRATA), len(WAYS)))
    for j, (_, _, _, hazard, covariate, names, _, _) in enumerate(WAYS):
        column = COLUMN[covariate]
        weight = np.array([1.0 if column is None else s[column] for s in STRATA])
        value = hazard * weight[None, :] * np.ones((DAYS, 1))
        for name in names:
            value = value * by_name[name][:, None]
        table[:, :, j] = value
    return table


SOURCE = np.array([w[1] for w in WAYS])
TARGET = np.array([w[2] for w in WAYS])
NEWS = np.array([w[6] for w in WAYS])
LED = np.array([w[7] for w in WAYS])


def start(scale: int = 1) -> np.ndarray:
    """(strata, states) people on the morning of day 0."""
    table = np.zeros((len(STRATA), len(STATES)), dtype=np.int64)
    table[np.arange(len(STRATA)), FIRST] = PEOPLE * scale
    return table


def feedback(
    counts: np.ndarray, gone_before: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """News and leadership multipliers.

    counts       (..., strata, states) this morning;  gone_before  share gone LAG_DAYS ago
    """
    news = 1.0 + 2.0 * gone_before / (np.asarray(gone_before) + 0.10)
    others = counts[..., GROUP == 1, :].sum(-2)
    here = others[..., list(PRESENT)].sum(-1)
    loyal = others[..., list(LOYAL)].sum(-1)
    hold = np.where(here > 0, np.exp(-1.6 * loyal / np.maximum(here, 1)), 1.0)
    return news, hold


def day_law(
    base: np.ndarray, news: np.ndarray | float, hold: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Chance of leaving (..., strata, states) and of each way given leaving (..., strata, ways)."""
    n = np.asarray(news)[..., None, None]
    h = np.where(GROUP == 1, np.asarray(hold)[..., None], 1.0)[..., None]
    hazard = base * np.where(NEWS, n, 1.0) * np.where(LED, h, 1.0)
    total = np.zeros((*hazard.shape[:-1], len(STATES)))
    for k in range(len(STATES)):
        if (k == SOURCE).any():
            total[..., k] = hazard[..., k == SOURCE].sum(-1)
    return -np.expm1(-total), hazard / total[..., SOURCE]


# --- the job for Onward --------------------------------------------------------------------


def camp(scale: int = 1, *, with_feedback: bool = True, drawn: bool = True) -> Model:
    """The job as an Onward model; with `drawn`, every rate, effect and date is a parameter."""

    def of(name: str, value: float) -> float | str:
        return name if drawn else value

    transitions = []
    for name, source, target, hazard, covariate, names, news, led in WAYS:
        column = COLUMN[covariate]
        used = list(names)
        if with_feedback:
            used += ["news"] * news + ["hold"] * led
        transitions.append(
            Transition(
                id=name,
                source=STATES[source],
                target=STATES[target],
                hazard=of(f"rate of {name}", hazard),
                weights=() if column is None else [s[column] for s in STRATA],
                factors=used,
            )
        )
    others = [n for n, g in zip(NAMES, GROUP, strict=True) if g == 1]
    here = [STATES[k] for k in PRESENT]
    return Model(
        name="camp-365",
        states=[State(s, present=i in PRESENT) for i, s in enumerate(STATES)],
        strata=NAMES,
        start={
            (STATES[FIRST[i]], NAMES[i], 1): int(PEOPLE[i]) * scale for i in range(len(STRATA))
        },
        transitions=transitions,
        factors=[
            Term("interviews", terms()["interviews"].tolist()),
            Term("places", terms()["places"].tolist()),
            Approach(
                "deadline", strength=of("deadline effect", 1.5), deadline=DAYS,
                scale_days=60.0, start=of("announced", 120.0),
            ),
            Effect("assurance one", factor=of("assurance one effect", 1.3),
                   start=of("assured", 150.0)),
            Effect("assurance two", factor=of("assurance two effect", 1.6),
                   start=of("assured", 150.0)),
            Feedback("news", [STATES[k] for k in GONE], "saturating", a=of("news effect", 2.0),
                     b=0.10, lag_days=LAG_DAYS),
            Feedback("hold", [STATES[k] for k in LOYAL], "exponential", a=of("hold", -1.6),
                     strata=others, of_states=here, of_strata=others, on_strata=others),
        ],
    )  # fmt: skip


def known_parameters() -> dict[str, Fixed]:
    """The job as stated: every future draws the stated value."""
    values = {f"rate of {w[0]}": w[3] for w in WAYS}
    values |= {
        "deadline effect": 1.5, "announced": 120.0, "assurance one effect": 1.3,
        "assurance two effect": 1.6, "assured": 150.0, "news effect": 2.0, "hold": -1.6,
    }  # fmt: skip
    return {name: Fixed(value) for name, value in values.items()}


def uncertain_parameters() -> dict[str, Fixed | Gamma | Lognormal]:
    """The same job when rates come from a hundred events each and effects are guesses."""
    laws: dict[str, Fixed | Gamma | Lognormal] = dict(known_parameters())
    for w in WAYS:
        laws[f"rate of {w[0]}"] = Gamma(100.0, 100.0 / w[3])
    laws["deadline effect"] = Lognormal(1.5, 0.5)
    laws["assurance one effect"] = Lognormal(1.3, 0.3)
    laws["assurance two effect"] = Lognormal(1.6, 0.3)
    return laws
