"""Expected outcomes, one for each case and programme that is a possible pair.

A file may hold millions of them: as one object for each they would need gigabytes, so they stand
in columns, and are a sequence of `Score` all the same. In: scores in any form, or columns from a
file (`scores_file`). Out: `ScoreColumns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Score:
    """Expected outcome of one case in one programme, 0 to 1 or any scale the officer uses;
    `acceptance` is the chance that the country accepts, when known."""

    case: str
    programme: str
    score: float
    acceptance: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ScoreColumns(Sequence[Score]):
    """Scores by row.

    cases, programmes   the names, sorted, each once
    case, programme     (rows,) index of each row's name
    score               (rows,)
    acceptance          (rows,) the chance that the country accepts, NaN where it is not known; None
                        where it is known of no row
    """

    cases: tuple[str, ...]
    programmes: tuple[str, ...]
    case: npt.NDArray[np.int32]
    programme: npt.NDArray[np.int32]
    score: npt.NDArray[np.float64]
    acceptance: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(cls, scores: Iterable[Score]) -> ScoreColumns:
        """The same scores as columns, in the same order."""
        if isinstance(scores, ScoreColumns):
            return scores
        rows = list(scores)
        cases, case = _coded([s.case for s in rows])
        programmes, programme = _coded([s.programme for s in rows])
        chance = [np.nan if s.acceptance is None else s.acceptance for s in rows]
        return cls(
            cases, programmes, case, programme, np.array([s.score for s in rows], np.float64),
            known(np.array(chance, np.float64)),
        )  # fmt: skip

    def keys(self) -> npt.NDArray[np.int64]:
        """(rows,) one number for each pair, in the order of case and then programme."""
        return self.case.astype(np.int64) * max(1, len(self.programmes)) + self.programme

    def in_order(self) -> ScoreColumns:
        """Sorted by case and programme; rows of one pair stay as they follow each other."""
        keys = self.keys()
        if (keys[1:] >= keys[:-1]).all():
            return self
        return self._at(np.argsort(keys, kind="stable"))

    def _at(self, rows: npt.NDArray[np.int64] | slice) -> ScoreColumns:
        chance = None if self.acceptance is None else known(self.acceptance[rows])
        return ScoreColumns(
            self.cases, self.programmes, self.case[rows], self.programme[rows],
            self.score[rows], chance,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.score)

    @overload
    def __getitem__(self, at: int) -> Score: ...
    @overload
    def __getitem__(self, at: slice) -> ScoreColumns: ...
    def __getitem__(self, at: int | slice) -> Score | ScoreColumns:
        if isinstance(at, slice):
            return self._at(at)
        chance = np.nan if self.acceptance is None else float(self.acceptance[at])
        return Score(
            self.cases[self.case[at]], self.programmes[self.programme[at]],
            float(self.score[at]), None if np.isnan(chance) else chance,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Score]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ScoreColumns({len(self)} scores)"


def known(chance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """The chances, or None where there is none."""
    return None if np.isnan(chance).all() else chance


def _coded(names: Sequence[str]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    ordered = tuple(sorted(set(names)))
    place = {name: k for k, name in enumerate(ordered)}
    return ordered, np.array([place[name] for name in names], np.int32)
