"""Uncertain parameters: what is not known about rates, effects and dates, drawn per future.

Exists so that every future carries its own rates, effects, shocks and plan dates. Goes in: a
declaration per parameter (a distribution) and a seed. Comes out: a table with one row per future
and one column per parameter. Each parameter has a stream of its own, found by its name, so
adding, removing or reordering parameters leaves the draws of the others alone, and the first
futures of a longer run are the futures of the shorter one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from onward.errors import Fault, Faults

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fixed:
    """Known: the same value in every future."""

    value: float


@dataclass(frozen=True)
class Gamma:
    """A rate after `shape` events (prior included) in `exposure` unit-days: mean shape/exposure.

    The conjugate posterior of a constant hazard; `scale` multiplies the draw (1 by default).
    """

    shape: float
    exposure: float
    scale: float = 1.0


@dataclass(frozen=True)
class Lognormal:
    """An effect known up to a factor: median, and the standard deviation of its logarithm."""

    median: float
    log_sd: float


@dataclass(frozen=True)
class Normal:
    """Mean and standard deviation; may be negative."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Beta:
    """A share between 0 and 1, as after `yes` successes and `no` failures (prior included)."""

    yes: float
    no: float


@dataclass(frozen=True)
class Triangular:
    """An uncertain date or amount: earliest, most likely, latest."""

    low: float
    mode: float
    high: float


@dataclass(frozen=True)
class Discrete:
    """One of several values with given chances. `math.inf` is a date that never comes."""

    values: Sequence[float]
    chances: Sequence[float]


@dataclass(frozen=True)
class Later:
    """A date that comes after another parameter's date: that date plus a drawn delay."""

    after: str
    delay: Fixed | Gamma | Lognormal | Normal | Beta | Triangular | Discrete


Distribution: TypeAlias = (
    Fixed | Gamma | Lognormal | Normal | Beta | Triangular | Discrete | Later
)


@dataclass(frozen=True)
class ParameterDraws:
    """One row per future, one column per parameter.

    names    parameter names, in column order
    values   (futures, parameters) finite or infinite floats; never NaN
    """

    names: tuple[str, ...]
    values: FloatArray

    @property
    def futures(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])

    def column(self, name: str) -> FloatArray:
        """(futures,) draws of one parameter."""
        return self.values[:, self.names.index(name)]

    def with_column(self, name: str, column: FloatArray | float) -> ParameterDraws:
        """The same draws with one parameter added or replaced (a scenario's lever)."""
        import numpy as np

        filled = np.broadcast_to(np.asarray(column, dtype=np.float64), (self.futures,))
        if name in self.names:
            values = self.values.copy()
            values[:, self.names.index(name)] = filled
            return ParameterDraws(self.names, values)
        return ParameterDraws(
            (*self.names, name), np.concatenate([self.values, filled[:, None]], axis=1)
        )

    def at_centre(self, names: Iterable[str] | None = None) -> ParameterDraws:
        """The same table with the named parameters (all by default) held at their median.

        Used to split the width of a forecast by source: freeze one source, see what narrows.
        """
        import numpy as np

        chosen = set(self.names if names is None else names)
        values = self.values.copy()
        for j, name in enumerate(self.names):
            if name in chosen:
                values[:, j] = np.quantile(values[:, j], 0.5, method="inverted_cdf")
        return ParameterDraws(self.names, values)


def no_parameters(futures: int) -> ParameterDraws:
    """A table without columns, for a model whose numbers are all known."""
    import numpy as np

    return ParameterDraws((), np.zeros((futures, 0)))


def stream(seed: int, *labels: str) -> np.random.Generator:
    """The random stream of a label: the same for a seed whatever else is drawn."""
    import numpy as np

    digest = hashlib.sha256("\x1f".join(labels).encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFFFFFFFFFF, *words]))


def draw(parameters: Mapping[str, Distribution], futures: int, seed: int) -> ParameterDraws:
    """One row of parameter values per future.

    parameters   distribution by name
    futures      rows wanted, 1 or more
    seed         any whole number, 0 or more
    raises       Faults naming every distribution that cannot be drawn
    """
    import numpy as np

    _check(parameters, futures, seed)
    columns: dict[str, FloatArray] = {}

    def fill(name: str, law: Distribution) -> FloatArray:
        if name not in columns:
            if isinstance(law, Later):
                start = fill(law.after, parameters[law.after])
                columns[name] = start + _sample(law.delay, stream(seed, name), futures)
            else:
                columns[name] = _sample(law, stream(seed, name), futures)
        return columns[name]

    names = tuple(parameters)
    values = np.empty((futures, len(names)))
    for j, name in enumerate(names):
        values[:, j] = fill(name, parameters[name])
    return ParameterDraws(names, values)


def _sample(law: Distribution, rng: np.random.Generator, n: int) -> FloatArray:
    import numpy as np

    match law:
        case Fixed(value):
            return np.full(n, float(value))
        case Gamma(shape, exposure, scale):
            return np.asarray(rng.standard_gamma(shape, n) * (scale / exposure))
        case Lognormal(median, log_sd):
            return np.asarray(median * np.exp(log_sd * rng.standard_normal(n)))
        case Normal(mean, sd):
            return mean + sd * rng.standard_normal(n)
        case Beta(yes, no):
            return rng.beta(yes, no, n)
        case Triangular(low, mode, high):
            # By inversion, so that shifting the dates shifts every future alike.
            u = rng.random(n)
            if high == low:
                return np.full(n, float(low))
            cut = (mode - low) / (high - low)
            left = low + np.sqrt(u * (high - low) * (mode - low))
            right = high - np.sqrt((1 - u) * (high - low) * (high - mode))
            return np.where(u < cut, left, right)
        case Discrete(values, chances):
            total = math.fsum(chances)
            edges = np.cumsum(np.asarray(chances, dtype=np.float64) / total)
            picks = np.searchsorted(edges[:-1], rng.random(n), side="right")
            return np.asarray(values, dtype=np.float64)[picks]
    raise TypeError(f"cannot draw from {law!r}")


def _check(parameters: Mapping[str, Distribution], futures: int, seed: int) -> None:
    faults: list[Fault] = []

    def fault(name: str, found: str, allowed: str) -> None:
        faults.append(Fault("parameters", name, "", found, allowed))

    if futures < 1:
        fault("futures", f"{futures}", "1 or more")
    if seed < 0:
        fault("seed", f"{seed}", "0 or more")
    for name, law in parameters.items():
        body: Distribution = law
        seen = {name}
        while isinstance(body, Later):
            if body.after not in parameters:
                fault(name, f'comes after "{body.after}", which is not declared', "a parameter")
                break
            if body.after in seen:
                fault(name, "comes after itself", "an order of dates without a circle")
                break
            seen.add(body.after)
            body = parameters[body.after]
        match law.delay if isinstance(law, Later) else law:
            case Fixed(value) if math.isnan(value):
                fault(name, "not a number", "a number")
            case Gamma(shape, exposure, scale) if not (
                shape > 0 and exposure > 0 and scale >= 0 and math.isfinite(shape / exposure)
            ):
                fault(name, f"shape {shape}, exposure {exposure}", "both above 0")
            case Lognormal(median, log_sd) if not (median >= 0 and 0 <= log_sd < 20):
                fault(name, f"median {median}, log_sd {log_sd}", "0 or more (log_sd below 20)")
            case Normal(_, sd) if not sd >= 0:
                fault(name, f"sd {sd}", "0 or more")
            case Beta(yes, no) if not (yes > 0 and no > 0):
                fault(name, f"yes {yes}, no {no}", "both above 0")
            case Triangular(low, mode, high) if not (
                low <= mode <= high and math.isfinite(low) and math.isfinite(high)
            ):
                fault(name, f"{low}, {mode}, {high}", "earliest <= most likely <= latest")
            case Discrete(values, chances) if (
                len(values) != len(chances)
                or not values
                or any(not c >= 0 for c in chances)
                or not math.fsum(chances) > 0
                or any(math.isnan(v) for v in values)
            ):
                fault(name, f"{len(values)} values, {len(chances)} chances", "one chance each")
    if faults:
        raise Faults(faults, "The uncertain parameters cannot be drawn as they stand.")
