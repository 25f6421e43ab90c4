"""Compiles the simulator once and leaves the machine code in the cache.

Exists because the first forecast on a new machine compiles for some ten seconds. A door that
knows a forecast is coming runs `python -m onward.forecast.warm` beside its other work, on the
other core. Nothing goes in and nothing comes out but the cache.
"""

from __future__ import annotations


def warm() -> None:
    """Simulate two futures of a tiny model by the general path."""
    from onward.forecast.draws import no_parameters
    from onward.forecast.kernel import Outputs, simulate
    from onward.forecast.model import Model, State, Transition

    model = Model(
        states=[State("here"), State("gone", present=False)],
        strata=["all"],
        start={("here", "all", 1): 2},
        transitions=[Transition("leave", "here", "gone", 0.1)],
    )
    outputs = Outputs(units_on=[1], flows_on=[1])
    simulate(model, no_parameters(2), 2, 1, days=2, outputs=outputs, path="general", threads=1)


if __name__ == "__main__":
    warm()
