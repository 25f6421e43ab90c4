"""How those who wished to be together stand, and why not together.

In: a `Proposal`. Out: a row per linked group.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onward.placement.solving.proposal import Proposal

Row = dict[str, Any]


def links(proposal: Proposal) -> list[Row]:
    """One row per linked group: cases, how it stands (together, same country, apart, partly
    placed, nobody placed) and why not together."""
    c, model = proposal.compiled, proposal.compiled.model
    opens = model.pledge_coef < 0
    most = model.limit.copy()  # with every condition met
    np.add.at(most, model.pledge_row[opens], -model.pledge_coef[opens])
    rows: list[Row] = []
    for g in range(len(model.group_start) - 1):
        units = model.group_member[model.group_start[g] : model.group_start[g + 1]]
        columns = proposal.chosen[units]
        placed = columns[columns >= 0]
        slots = {int(s) for s in model.slot[placed]}
        countries = {int(model.slot_country[s]) for s in slots}
        common = set.intersection(
            *(set(model.slot[model.start[u] : model.start[u + 1]].tolist()) for u in units)
        )
        if not len(placed):
            state = "nobody placed"
        elif len(placed) < len(units):
            state = "partly placed"
        elif len(slots) == 1:
            state = "together"
        elif len(countries) == 1:
            state = "same country"
        else:
            state = "apart"
        why = ""
        if state not in ("together", "nobody placed"):
            size = int(model.size[units].sum())
            if not common:
                why = "no window is possible for all of them"
            elif all(most[s] < size for s in common):
                why = f"no common window has {size} places"
            else:
                why = "places for all of them would cost persons or links that come first"
            if state == "apart":
                shared = set.intersection(
                    *(
                        set(
                            model.slot_country[
                                model.slot[model.start[u] : model.start[u + 1]]
                            ].tolist()
                        )
                        for u in units
                    )
                )
                why += (
                    "; one country for all of them would cost persons or links that come first"
                    if shared
                    else "; no country is possible for all of them"
                )
        rows.append(
            {
                "cases": [c.tables.cases[i].case for u in units for i in c.members[u]],
                "state": state,
                "why": why,
            }
        )
    return rows
