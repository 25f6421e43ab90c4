"""The rows that tighten a relaxation never forbid what whole families can do."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onward.placement.solving.programs.covers import lifted_cover
from onward.placement.solving.programs.cuts import size_functions

SIZES = st.lists(st.integers(1, 7), min_size=2, max_size=8)


@settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(SIZES, st.integers(1, 14), st.data())
def test_a_lifted_cover_holds_for_every_whole_filling(sizes, places, data):
    shares = data.draw(
        st.lists(st.sampled_from((0.0, 0.2, 0.5, 0.8, 1.0)), min_size=len(sizes),
                 max_size=len(sizes))
    )  # fmt: skip
    size = np.array(sizes, np.int64)
    coefficient = np.zeros(len(size))
    most = lifted_cover(places, size, np.array(shares), coefficient)
    for choice in product((0, 1), repeat=len(sizes)):
        if size @ choice <= places and most >= 0:
            assert coefficient @ choice <= most + 1e-9


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 20), st.lists(st.integers(1, 9), min_size=1, max_size=7))
def test_a_function_of_sizes_holds_for_every_whole_filling(places, sizes):
    size = np.array(sizes)
    functions = size_functions(places, 9)
    for choice in product((0, 1, 2), repeat=len(sizes)):
        if size @ choice <= places:
            assert np.all(functions[:, size] @ choice <= 1 + 1e-9)


def test_a_window_of_four_does_not_hold_two_families_of_three():
    coefficient = np.zeros(2)
    most = lifted_cover(4, np.array([3, 3]), np.array([1.0, 1 / 3]), coefficient)
    assert most == 1
    assert coefficient == pytest.approx([1, 1])
