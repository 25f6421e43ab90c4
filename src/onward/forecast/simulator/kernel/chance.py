"""Compiled random draws, keyed: the one place where chance enters a future.

Exists so that both kernels draw the same numbers by the same rules. Goes in: a 64-bit key (of
the seed, the future, the day and the cell) and the law's parameters. Comes out: one exact draw.
A uniform is a hash of its key (the finaliser of SplitMix64, which passes BigCrush), so no state
is carried: results cannot depend on order, threads or blocks, and two scenarios see the same
chance. Small means are drawn by inversion, large ones by Hörmann's transformed rejection
(BTRS, PTRS; J. Stat. Comput. Simul. 46, 1993), hypergeometrics by inversion from the mode.
"""

from __future__ import annotations

import math
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic


def _load_quickly() -> None:
    """Load numba's array functions without scipy, which they ask only whether it is there.

    Whoever multiplies matrices in compiled code still has it looked up then.
    """
    from numba.np import linalg

    asked, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        linalg.ensure_blas = asked


GOLD = np.uint64(0x9E3779B97F4A7C15)
DAY = np.uint64(0xD1342543DE82EF95)
SPLIT = np.uint64(0xA0761D6478BD642F)
SIZE = np.uint64(0xE7037ED1A0B428DB)
STAGE = np.uint64(0x8EBC6AF09C88C6E3)
SINGLE = np.uint64(0xC2B2AE3D27D4EB4F)
ROUND = np.uint64(1024)
SMALL = 10.0  # mean below which inversion is used
FEW = 16.0  # leavers up to this many are sent on one by one
TINY = 1e-18
RARE = 0.2  # chance up to which the logarithm is taken by its series


def compiled(
    keep: bool = False, makes_arrays: bool = False, **options: Any
) -> Callable[[Any], Any]:
    """`numba.njit` that releases the lock and, with `keep`, leaves its machine code on disk.

    Only what `makes_arrays` counts references to them: counting costs more than many a step does,
    and its code takes longer to compile.

    Stored code is used while no file of the kernels has changed.
    A folder that cannot be written (a read-only installation) is replaced by one of this user's
    alone in the temporary directory; failing that the code is compiled in memory, each time.
    """

    def wrap(function: Any) -> Any:
        settings = {
            "nogil": True,
            "error_model": "numpy",
            "fastmath": {"contract"},
            "boundscheck": False,
            "_nrt": makes_arrays,
            "no_cfunc_wrapper": True,
            "no_cpython_wrapper": bool(options.get("forceinline")),
            **options,
        }
        if not keep:
            return numba.njit(**settings)(function)

        def kept(function: Any) -> Any:
            return _loaded_alone(_noticing_change(function), makes_arrays)

        try:
            return kept(numba.njit(cache=True, **settings)(function))
        except RuntimeError:
            own = own_folder(Path(tempfile.gettempdir()))
            if own is None:
                return numba.njit(**settings)(function)
            numba.config.CACHE_DIR = str(own)
            try:
                return kept(numba.njit(cache=True, **settings)(function))
            except RuntimeError:
                return numba.njit(**settings)(function)

    return wrap


def _noticing_change(function: Any) -> Any:
    """Numba itself looks only at the file of the function, not at those it calls things from."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    found = [(file.name, file.stat().st_mtime, file.stat().st_size) for file in files]
    function._cache._cache_file._source_stamp = tuple(found)
    return function


def _loaded_alone(function: Any, makes_arrays: bool) -> Any:
    """Stored code is loaded without what only compiling needs.

    Before it looks into its store, numba tells its compiler of everything it could compile: two
    fifths of all that loading takes. Where nothing is stored it is told then, as ever. Not for what
    makes arrays: telling the compiler is also what sets up the memory they are made in.
    """
    cache = function._cache
    told_first = cache.load_overload

    def load(signature: Any, context: Any) -> Any:
        found = None if makes_arrays else cache._load_overload(signature, context)
        if found is None:
            _load_quickly()
            found = told_first(signature, context)
        return found

    cache.load_overload = load
    return function


def own_folder(temporary: Path) -> Path | None:
    """A folder in a shared one into which nobody else can write; None where somebody was there
    before. What lies in it is loaded and run."""
    folder = temporary / f"onward-compiled-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if mine and not found.st_mode & 0o077 else None


@intrinsic  # type: ignore[untyped-decorator]
def _as_double(typingctx: Any, bits: Any) -> Any:
    """The 64 bits read as a double; LLVM can vectorise it, unlike a view."""

    def body(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.uint64), body


@compiled(forceinline=True)
def mix(z):  # type: ignore[no-untyped-def]
    """SplitMix64's finaliser: every input bit moves every output bit."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled(forceinline=True)
def uniform(key):  # type: ignore[no-untyped-def]
    """A uniform in [0, 1) with 52 bits."""
    return _as_double((mix(key) >> np.uint64(12)) | np.uint64(0x3FF0000000000000)) - 1.0


@compiled(forceinline=True)
def _em1_small(z):  # type: ignore[no-untyped-def]
    """exp(z) - 1 for |z| <= 10/64 by Taylor's series; relative error below 2e-13."""
    y = 1.0 / 40320.0
    y = y * z + 1.0 / 5040.0
    y = y * z + 1.0 / 720.0
    y = y * z + 1.0 / 120.0
    y = y * z + 1.0 / 24.0
    y = y * z + 1.0 / 6.0
    y = y * z + 0.5
    y = y * z + 1.0
    return y * z


@compiled(forceinline=True)
def em1(x):  # type: ignore[no-untyped-def]
    """exp(x) - 1 for |x| <= 10, relative error below 1e-11 (1e-15 where |x| < 1).

    Without tables or branches, so that a loop over futures becomes vector code.
    """
    y = _em1_small(x * 0.015625)
    y = y * (y + 2.0)
    y = y * (y + 2.0)
    y = y * (y + 2.0)
    y = y * (y + 2.0)
    y = y * (y + 2.0)
    return y * (y + 2.0)


@compiled(forceinline=True)
def exp(x):  # type: ignore[no-untyped-def]
    """exp(x) for |x| <= 80, relative error below 1e-10; held at the ends beyond.

    Without tables or branches, as `em1`.
    """
    y = em1(min(max(x, -80.0), 80.0) * 0.125) + 1.0
    y = y * y
    y = y * y
    return y * y


@compiled(forceinline=True)
def nobody(m):  # type: ignore[no-untyped-def]
    """exp(-m) for 0 <= m <= 12, relative error below 1e-10."""
    y = 1.0 + _em1_small(m * -0.015625)
    y = y * y
    y = y * y
    y = y * y
    y = y * y
    y = y * y
    return y * y


@compiled(forceinline=True)
def minus_log1m(p):  # type: ignore[no-untyped-def]
    """-log(1 - p) for 0 <= p <= 0.2 by the series of the inverse hyperbolic tangent."""
    z = p / (2.0 - p)
    s = z * z
    y = 2.0 / 15.0
    y = y * s + 2.0 / 13.0
    y = y * s + 2.0 / 11.0
    y = y * s + 2.0 / 9.0
    y = y * s + 2.0 / 7.0
    y = y * s + 2.0 / 5.0
    y = y * s + 2.0 / 3.0
    y = y * s + 2.0
    return y * z


@compiled()
def stirling(k):  # type: ignore[no-untyped-def]
    """log(k!) minus Stirling's formula."""
    if k < 10:
        return (
            math.lgamma(k + 1.0)
            - (k + 0.5) * math.log(k + 1.0)
            + (k + 1.0)
            - 0.9189385332046727
        )
    s = 1.0 / ((k + 1.0) * (k + 1.0))
    return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260) * s) * s) / (k + 1.0)


@compiled()
def btrs(n, p, base):  # type: ignore[no-untyped-def]
    """Binomial(n, p), p <= 0.5 and n p >= 10, by transformed rejection with squeeze."""
    q = 1.0 - p
    spq = math.sqrt(n * p * q)
    b = 1.15 + 2.53 * spq
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = n * p + 0.5
    vr = 0.92 - 4.2 / b
    key = base + ROUND * GOLD
    while True:
        u = uniform(key) - 0.5
        v = uniform(key + GOLD)
        key += GOLD + GOLD
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + c)
        if us >= 0.07 and v <= vr:
            return k
        if k < 0.0 or k > n:
            continue
        alpha = (2.83 + 5.1 / b) * spq
        r = p / q
        m = math.floor((n + 1.0) * p)
        v = math.log(v * alpha / (a / (us * us) + b))
        bound = (
            (m + 0.5) * math.log((m + 1.0) / (r * (n - m + 1.0)))
            + (n + 1.0) * math.log((n - m + 1.0) / (n - k + 1.0))
            + (k + 0.5) * math.log(r * (n - k + 1.0) / (k + 1.0))
            + stirling(m)
            + stirling(n - m)
            - stirling(k)
            - stirling(n - k)
        )
        if v <= bound:
            return k


@compiled()
def binomial(n, p, base):  # type: ignore[no-untyped-def]
    """Binomial(n, p) as a float; n a whole float of 0 or more."""
    if n <= 0.0 or p <= 0.0:
        return 0.0
    if p >= 1.0:
        return n
    s = min(p, 1.0 - p)
    if n * s >= SMALL:
        k = btrs(n, s, base)
    else:
        u = uniform(base)
        if u < 1.0 - n * s:  # (1 - s)^n is more than that, so nobody, without working it out
            return 0.0 if p <= 0.5 else n
        r = nobody(n * minus_log1m(s)) if s <= RARE else math.exp(n * math.log1p(-s))
        ratio = s / (1.0 - s)
        k = 0.0
        while u >= r and r > TINY:
            u -= r
            r = r * (ratio * (n - k) * (1.0 / (k + 1.0)))
            k += 1.0
    return k if p <= 0.5 else n - k


@compiled()
def leavers(n, hazard, base):  # type: ignore[no-untyped-def]
    """How many of n leave under a total hazard, and a fresh uniform left over (or -1).

    Starts the inversion at P(nobody) = exp(-n hazard), so that no logarithm is needed. What is
    left of the uniform is uniform again and places the first leaver.
    """
    m = n * hazard
    if m < SMALL:
        u = uniform(base)
        if u < 1.0 - m:  # exp(-m) is more than that, so nobody, without working it out
            return 0.0, -1.0
        r = nobody(m)
        if u < r:
            return 0.0, -1.0
        ratio = em1(hazard)
        k = 0.0
        while u >= r and r > TINY:
            u -= r
            r = r * (ratio * (n - k) * (1.0 / (k + 1.0)))
            k += 1.0
        return k, min(u / max(r, 1e-300), 0.9999999999999999)
    return binomial(n, -math.expm1(-hazard), base), -1.0


@compiled()
def hypergeometric(good, bad, k, key):  # type: ignore[no-untyped-def]
    """How many good ones among k drawn without replacement from good + bad (whole floats)."""
    total = good + bad
    lo = max(0.0, k - bad)
    hi = min(k, good)
    if lo >= hi:
        return lo
    u = uniform(key)
    if k == 1.0:
        return 1.0 if u * total < good else 0.0
    mode = math.floor((k + 1.0) * (good + 1.0) / (total + 2.0))
    mode = min(max(mode, lo), hi)
    p = math.exp(
        math.lgamma(good + 1.0)
        - math.lgamma(mode + 1.0)
        - math.lgamma(good - mode + 1.0)
        + math.lgamma(bad + 1.0)
        - math.lgamma(k - mode + 1.0)
        - math.lgamma(bad - k + mode + 1.0)
        - math.lgamma(total + 1.0)
        + math.lgamma(k + 1.0)
        + math.lgamma(total - k + 1.0)
    )
    up, down = mode, mode
    p_up, p_down = p, p
    u -= p
    while u >= 0.0:
        moved = False
        if up < hi and p_up > TINY:
            p_up *= (good - up) * (k - up) / ((up + 1.0) * (bad - k + up + 1.0))
            up += 1.0
            u -= p_up
            moved = True
            if u < 0.0:
                return up
        if down > lo and p_down > TINY:
            p_down *= down * (bad - k + down) / ((good - down + 1.0) * (k - down + 1.0))
            down -= 1.0
            u -= p_down
            moved = True
            if u < 0.0:
                return down
        if not moved:
            break
    return mode


@compiled()
def poisson(mean, base):  # type: ignore[no-untyped-def]
    """Poisson(mean) as a float."""
    if mean <= 0.0:
        return 0.0
    if mean < SMALL:
        u = uniform(base)
        r = math.exp(-mean)
        k = 0.0
        while u >= r and r > TINY:
            u -= r
            k += 1.0
            r *= mean / k
        return k
    slam = math.sqrt(mean)
    b = 0.931 + 2.53 * slam
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    vr = 0.9277 - 3.6224 / (b - 2.0)
    key = base + ROUND * GOLD
    while True:
        u = uniform(key) - 0.5
        v = uniform(key + GOLD)
        key += GOLD + GOLD
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= vr:
            return k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse_alpha / (a / (us * us) + b)) <= (
            -mean + k * math.log(mean) - math.lgamma(k + 1.0)
        ):
            return k


@compiled()
def normal(key):  # type: ignore[no-untyped-def]
    """A standard normal (Box-Muller)."""
    u = uniform(key)
    v = uniform(key + GOLD)
    return math.sqrt(-2.0 * math.log(1.0 - u)) * math.cos(6.283185307179586 * v)


@compiled()
def future_key(seed, future):  # type: ignore[no-untyped-def]
    """The key of one future."""
    return mix(
        mix(np.uint64(seed) * GOLD + np.uint64(0x243F6A8885A308D3)) + np.uint64(future) * DAY
    )


@compiled()
def cell_key(label, step):  # type: ignore[no-untyped-def]
    """The key of one cell (or factor, or pool) on one step, to be added to the future's."""
    return mix(label + np.uint64(step) * DAY)
