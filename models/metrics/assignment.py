"""Pairs of least total cost, many small matrices at a time."""

from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray

_MARGIN: Final = 1e-9


def unambiguous_matches(cost: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Solve the matrices in which each row's preferred column is free, or each column's preferred row.

    If no two rows (or no two columns) prefer the same partner and every preference is clear by a margin, then the
    preferred pairs are the assignment with most pairs and least cost, and the only one; no solver is needed.

    Args:
        cost: (L, G, P), infinite where a pair is forbidden.

    Returns:
        chosen: (L, G, P), the pairs; valid only where unambiguous.
        unambiguous: (L,), whether a matrix could be decided.
    """
    allowed = np.isfinite(cost)
    by_row = _preferred_pairs(cost, allowed, axis=2)
    decided_by_row = _one_to_one(by_row)
    if decided_by_row.all():
        return by_row, decided_by_row
    by_column = _preferred_pairs(cost, allowed, axis=1)
    decided_by_column = _one_to_one(by_column)
    return np.where(decided_by_row[:, None, None], by_row, by_column), decided_by_row | decided_by_column


def solve(cost: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows and columns of scipy's assignment of least total cost of one finite (G, P) matrix."""
    from scipy.optimize import linear_sum_assignment  # the import takes 0.5 s, and most frames need no solver

    rows, columns = linear_sum_assignment(cost)
    return rows, columns


def solve_most_pairs(cost: FloatArray) -> tuple[IntArray, IntArray]:
    """Most allowed pairs first, then least total cost; infinite or NaN entries of the (G, P) matrix are forbidden.

    Ties are broken as in motmetrics with scipy: a forbidden pair costs 2 r (c + 1) + 1, where r is the smaller side
    and c the largest allowed cost.
    """
    allowed = np.isfinite(cost)
    if not allowed.any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    forbidden = 2 * min(cost.shape) * (np.abs(cost[allowed]).max() + 1) + 1
    rows, columns = solve(np.where(allowed, cost, forbidden))
    keep = allowed[rows, columns]
    return rows[keep], columns[keep]


def _preferred_pairs(cost: FloatArray, allowed: BoolArray, *, axis: int) -> BoolArray:
    preferred: BoolArray = allowed & (cost <= cost.min(axis=axis, keepdims=True, initial=np.inf) + _MARGIN)
    return preferred


def _one_to_one(chosen: BoolArray) -> BoolArray:
    per_column, per_row = chosen.sum(axis=1), chosen.sum(axis=2)
    result: BoolArray = (per_column <= 1).all(axis=1) & (per_row <= 1).all(axis=1)
    return result
