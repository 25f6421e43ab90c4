"""An operation with everything on, for timing: families, stages, pools, shocks, uncertain dates.

Invented, but of the shape of a real one: 3,700 people in families of one to six, ten states, ten
strata, interviews and status decisions that take stages, rooms, officers, flights and convoys
that are short, an authority that lapses on an uncertain date, a pledge that opens after enough
have gone, a leadership, news, an incident and two slow shocks.
"""

from __future__ import annotations

import math

from onward.forecast.simulator.draws import (
    Discrete,
    Distribution,
    Gamma,
    Later,
    Lognormal,
    Triangular,
)
from onward.forecast.simulator.model import (
    Approach,
    Capacity,
    Effect,
    Feedback,
    Gate,
    Model,
    Pledge,
    Shock,
    State,
    Supply,
    Transition,
)

SIZES = (1, 2, 3, 4, 5, 6)
SHARES = (0.25, 0.15, 0.18, 0.18, 0.14, 0.10)
PEOPLE = (120, 80, 700, 600, 500, 450, 400, 350, 300, 200)
STRATA = tuple(f"stratum {i + 1}" for i in range(10))
WISH = (1.0, 0.8, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.6)


def operation() -> Model:
    """The model; its uncertain parameters are in `parameters`."""
    others = STRATA[2:]
    start = {}
    for i, (name, people) in enumerate(zip(STRATA, PEOPLE, strict=True)):
        mean = sum(z * s for z, s in zip(SIZES, SHARES, strict=True))
        for z, share in zip(SIZES, SHARES, strict=True):
            start["recognised" if i < 2 else "member", name, z] = round(people / mean * share)
    return Model(
        name="everything on",
        states=[
            State("member"), State("interview", stages=3), State("interviewed"),
            State("wants return", stages=2), State("returned", present=False),
            State("status decision", stages=4), State("recognised"),
            State("resettled", present=False), State("departed", present=False),
            State("dead", present=False),
        ],
        strata=STRATA,
        sizes=SIZES,
        start=start,
        transitions=[
            Transition("ask", "member", "interview", "rate asked", factors=["teams", "incident"]),
            Transition("go unprocessed", "member", "departed", "rate gone", weights=WISH,
                       factors=["nears", "news", "hold", "mood"]),
            Transition("interviewed", "interview", "interviewed", 0.1, staged=True,
                       capacities=["rooms"], factors=["incident"]),
            Transition("choose return", "interviewed", "wants return", "rate return",
                       weights=WISH, factors=["nears", "news", "hold", "assured", "mood"]),
            Transition("apply", "interviewed", "status decision", "rate apply", factors=["nears"]),
            Transition("go interviewed", "interviewed", "departed", "rate gone", weights=WISH,
                       factors=["nears", "news", "mood"]),
            Transition("board convoy", "wants return", "returned", 0.05, staged=True,
                       capacities=["convoys"], factors=["border", "slots"]),
            Transition("withdraw", "wants return", "interviewed", "rate withdraw"),
            Transition("decide", "status decision", "recognised", 0.02, staged=True,
                       capacities=["officers"], factors=["authority"]),
            Transition("fly", "recognised", "resettled", "rate flight",
                       capacities=["places", "flights"]),
            Transition("go recognised", "recognised", "departed", "rate gone", weights=WISH,
                       factors=["nears", "news", "mood"]),
            Transition("die", "member", "dead", 8e-6, size_change=-1),
        ],
        factors=[
            Effect("teams", "teams factor", start="teams hired", over_days=30),
            Effect("assured", "assurance effect", start="assurance won"),
            Approach("nears", "deadline effect", deadline=365, scale_days=60, start="announced"),
            Gate("border", [("border open", math.inf)]),
            Gate("authority", [(-math.inf, "authority lapses"), ("renewed", math.inf)]),
            Gate("incident", [("incident", "incident over")], closed=True),
            Feedback("news", ["returned", "resettled", "departed"], "saturating",
                     a="news effect", b=0.1, lag_days=14),
            Feedback("hold", ["member", "interview"], "exponential", a="hold", strata=others,
                     of_states=["member", "interview", "interviewed", "wants return"],
                     of_strata=others, on_strata=others),
            Shock("mood", "mood sd", 30.0),
            Shock("slots", 0.2, 20.0),
        ],
        capacities=[
            Capacity("rooms", [Supply(25.0), Supply(15.0, start="teams hired")]),
            Capacity("officers", [Supply(12.0)]),
            Capacity("convoys", [Supply(120.0, start="border open")], window_days=7),
            Capacity("places", [Supply("places", start="first places")], window_days=None),
            Capacity("flights", [Supply(60.0, start="first places")], window_days=14, carry=True),
        ],
        pledges=[Pledge("second country", "places", ["board convoy"], 300, "more places", 30)],
    )  # fmt: skip


def parameters() -> dict[str, Distribution]:
    """What is not known about it."""
    laws: dict[str, Distribution] = {
        name: Gamma(40.0, 40.0 / rate)
        for name, rate in (
            ("rate asked", 0.012), ("rate gone", 0.0006), ("rate return", 0.010),
            ("rate apply", 0.006), ("rate withdraw", 0.002), ("rate flight", 0.02),
        )
    }  # fmt: skip
    return laws | {
        "teams factor": Lognormal(2.0, 0.2),
        "teams hired": Triangular(20, 45, 120),
        "assurance effect": Lognormal(1.5, 0.3),
        "assurance won": Discrete([150.0, 200.0, math.inf], [0.4, 0.3, 0.3]),
        "deadline effect": Lognormal(1.5, 0.5),
        "announced": Triangular(90, 120, 180),
        "border open": Triangular(40, 70, 160),
        "authority lapses": Triangular(180, 210, 240),
        "renewed": Later("authority lapses", Triangular(10, 30, 90)),
        "incident": Discrete([100.0, 250.0, math.inf], [0.2, 0.2, 0.6]),
        "incident over": Later("incident", Triangular(7, 14, 40)),
        "news effect": Lognormal(2.0, 0.5),
        "hold": Triangular(-2.5, -1.6, -0.5),
        "mood sd": Triangular(0.1, 0.2, 0.4),
        "places": Triangular(100, 250, 500),
        "more places": Triangular(50, 150, 200),
        "first places": Triangular(120, 180, 300),
    }
