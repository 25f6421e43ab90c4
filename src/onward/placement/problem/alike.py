"""Cases that are alike in what is looked at are looked at once.

With a million cases and a hundred windows a look at each pair takes hours, and most cases have the
same consents, wishes or nationality as many others. In: cases, what is looked at in one, and the
row of numbers, one for each window, that it gives. Out: the rows that differ, and which is whose.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from onward.placement.inputs.tables import Case
from onward.placement.problem.model import AnyArray

AT_ONCE = 20_000
"""So many cases are taken together, to need little memory."""


def alike(
    cases: Sequence[Case],
    of_case: Callable[[Case], Hashable],
    row: Callable[[Case], AnyArray],
) -> tuple[AnyArray, AnyArray]:
    """The rows of cases that differ in what is looked at, and which of them is each case's."""
    seen: dict[Hashable, int] = {}
    rows: list[AnyArray] = []
    which = np.zeros(len(cases), np.int64)
    for i, case in enumerate(cases):
        key = of_case(case)
        at = seen.get(key)
        if at is None:
            at = seen[key] = len(rows)
            rows.append(row(case))
        which[i] = at
    return np.array(rows), which
