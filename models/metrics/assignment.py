"""Pairs of least total cost, many small matrices at a time."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray

_MARGIN: Final = 1e-9
_SMALL: Final = 3
"""Most rows and columns of a group of pairs whose matchings are enumerated; 3 x 3 has 34 of them."""
_Pair: TypeAlias = tuple[int, int]


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
    from scipy.optimize import linear_sum_assignment  # the import takes 0.7 s, and most corpora need no solver

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
    filled = np.where(allowed, cost, forbidden)
    clear = clear_best_pairs(forbidden - filled)
    if clear is not None:
        return clear
    rows, columns = solve(filled)
    keep = allowed[rows, columns]
    return rows[keep], columns[keep]


def clear_best_pairs(gain: FloatArray) -> tuple[IntArray, IntArray] | None:
    """Rows and columns of the pairs of greatest total gain, in the order of rows; None where a solver must decide.

    The pairs with a gain fall into groups that share no row and no column. The matchings of each group are enumerated.
    The best one must be ahead of the second best by a margin, so that every exact solver chooses the same pairs.

    Args:
        gain: (G, P), not negative; a pair without gain is not chosen.
    """
    groups = _groups(gain > 0)
    if groups is None:
        return None
    chosen: list[_Pair] = []
    for group in groups:
        second, best = sorted((sum(gain[pair] for pair in matching), matching) for matching in _matchings(group))[-2:]
        if best[0] - second[0] <= _MARGIN:
            return None
        chosen += best[1]
    rows, columns = np.array(sorted(chosen), dtype=np.int64).reshape(-1, 2).T
    return rows, columns


def _groups(allowed: BoolArray) -> list[list[_Pair]] | None:
    """The allowed pairs in groups that share no row and no column; None if one of them is too large to enumerate."""
    groups: list[list[_Pair]] = []
    for row, column in np.argwhere(allowed).tolist():
        merged = [(row, column)]
        apart = []
        for group in groups:
            if any(row == other_row or column == other_column for other_row, other_column in group):
                merged += group
            else:
                apart.append(group)
        if max(len(set(side)) for side in zip(*merged, strict=True)) > _SMALL:
            return None
        groups = [*apart, merged]
    return groups


def _matchings(pairs: list[_Pair]) -> Iterator[list[_Pair]]:
    """All sets of pairs that share no row and no column, the empty one included."""
    if not pairs:
        yield []
        return
    (row, column), *rest = pairs
    yield from _matchings(rest)
    for matching in _matchings([pair for pair in rest if pair[0] != row and pair[1] != column]):
        yield [(row, column), *matching]


def _preferred_pairs(cost: FloatArray, allowed: BoolArray, *, axis: int) -> BoolArray:
    preferred: BoolArray = allowed & (cost <= cost.min(axis=axis, keepdims=True, initial=np.inf) + _MARGIN)
    return preferred


def _one_to_one(chosen: BoolArray) -> BoolArray:
    per_column, per_row = chosen.sum(axis=1), chosen.sum(axis=2)
    result: BoolArray = (per_column <= 1).all(axis=1) & (per_row <= 1).all(axis=1)
    return result
