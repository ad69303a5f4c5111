"""Assignment without a solver: equal to scipy's where it decides, undecided where two answers are as good."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from models.metrics.assignment import clear_best_pairs, solve_most_pairs

CONFLICTS = {
    "two rows prefer one column": ([[0.9, 0.0], [0.8, 0.3]], {(0, 0), (1, 1)}),
    "the sum counts, not the largest gain": ([[0.9, 0.8], [0.8, 0.1]], {(0, 1), (1, 0)}),
    "one column for two rows": ([[0.4], [0.5]], {(1, 0)}),
    "two groups": ([[0.9, 0.5, 0.0], [0.8, 0.0, 0.0], [0.0, 0.0, 0.1]], {(0, 1), (1, 0), (2, 2)}),
    "nothing allowed": ([[0.0, 0.0]], set()),
}


@pytest.mark.parametrize(("gain", "pairs"), CONFLICTS.values(), ids=CONFLICTS)
def test_a_small_conflict_needs_no_solver(gain, pairs):
    rows, columns = clear_best_pairs(np.array(gain))
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == pairs
    assert rows.tolist() == sorted(rows)


@pytest.mark.parametrize("gain", [[[0.5, 0.5]], [[0.6, 0.4], [0.5, 0.3]], np.eye(4) + 0.1])
def test_ties_and_large_groups_are_left_to_the_solver(gain):
    assert clear_best_pairs(np.array(gain)) is None


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 6), columns=st.integers(1, 6), steps=st.sampled_from([4, 0]))
def test_pairs_are_those_of_scipy_with_and_without_ties(seed, rows, columns, steps):
    draw = np.random.default_rng(seed)
    cost = np.where(draw.random((rows, columns)) < 0.4, draw.random((rows, columns)) / 2, np.inf)
    cost = np.round(cost * steps) / steps if steps else cost
    allowed = np.isfinite(cost)
    forbidden = 2 * min(cost.shape) * (cost.max(initial=0, where=allowed) + 1) + 1
    solved = linear_sum_assignment(np.where(allowed, cost, forbidden))
    kept = allowed[solved]
    ours = solve_most_pairs(cost)
    assert [side.tolist() for side in ours] == [side[kept].tolist() for side in solved]
    gain = np.where(allowed, 0.6 - cost, 0.0)
    clear = clear_best_pairs(gain)
    if clear is not None:
        row, column = linear_sum_assignment(gain, maximize=True)
        assert list(zip(*clear, strict=True)) == [pair for pair in zip(row, column, strict=True) if gain[pair] > 0]
