"""How alike months are where good and bad times come and go slowly.

Exists because a log is read by periods and luck wanders by days. Comes in: periods and how many
days luck remembers. Goes out: correlations of its means over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]


def alike(
    middle: FloatArray, length: FloatArray, other: FloatArray, other_length: FloatArray,
    memory: float,
) -> FloatArray:  # fmt: skip
    """Correlations of the means of a wandering course over periods, its value of a day having
    variance one and forgetting 1 - 1/e of itself in `memory` days.

    middle, other   (n,), (m,) middles of periods in days;  length 0: the value of that moment
    returns         (n, m). A mean over a month varies less than a day does, the less the shorter
                    the memory: read as if it were a day, good and bad months come out too small
    source          integrals of exp(-|s - t| / memory); periods are the same or do not overlap
    """
    import numpy as np

    def spread_out(days: FloatArray) -> FloatArray:
        x = np.minimum(days / (2 * memory), 300.0)
        return np.where(x > 1e-6, np.sinh(x) / np.maximum(x, 1e-6), 1.0)

    apart = np.abs(middle[:, None] - other[None, :])
    found = np.exp(-apart / memory) * spread_out(length)[:, None] * spread_out(other_length)
    part = memory / np.maximum(other_length, 1e-6)
    within = np.where(other_length > 0, 2 * part * (1 - part * -np.expm1(-1 / part)), 1.0)
    same = (apart < 1e-6) & (length[:, None] > 0)
    return np.asarray(np.where(same, within[None, :], found))
