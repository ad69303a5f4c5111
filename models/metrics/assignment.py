"""Pairs of least total cost, many small matrices at a time."""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray

_MARGIN: Final = 1e-9


def settle(cost: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Solve the matrices in which everyone's nearest partner is free.

    If no two rows (or no two columns) want the same partner and every wish is clear by a margin, then those wishes
    are the assignment with most pairs and least cost, and the only one; no solver is needed.

    Args:
        cost: (L, G, P), infinite where a pair is forbidden.

    Returns:
        chosen: (L, G, P), the pairs; holds only where settled.
        settled: (L,), whether a matrix could be decided.
    """
    allowed = np.isfinite(cost)
    by_row = _wishes(cost, allowed, axis=2)
    row_settled = _one_to_one(by_row)
    if row_settled.all():
        return by_row, row_settled
    by_column = _wishes(cost, allowed, axis=1)
    column_settled = _one_to_one(by_column)
    return np.where(row_settled[:, None, None], by_row, by_column), row_settled | column_settled


def solve(cost: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows and columns of scipy's assignment of least total cost of one finite (G, P) matrix."""
    rows, columns = _scipy_solver()(cost)
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


def _wishes(cost: FloatArray, allowed: BoolArray, *, axis: int) -> BoolArray:
    wishes: BoolArray = allowed & (cost <= cost.min(axis=axis, keepdims=True, initial=np.inf) + _MARGIN)
    return wishes


def _one_to_one(chosen: BoolArray) -> BoolArray:
    one: BoolArray = (chosen.sum(axis=1) <= 1).all(axis=1) & (chosen.sum(axis=2) <= 1).all(axis=1)
    return one


@cache
def _scipy_solver() -> Callable[[FloatArray], tuple[IntArray, IntArray]]:
    """scipy's `linear_sum_assignment`, without the rest of scipy.optimize.

    Importing the package takes longer than scoring most folders; its solver is one compiled module that needs
    nothing of it.
    """
    package = importlib.util.find_spec("scipy.optimize")
    folders = package.submodule_search_locations if package else None
    for path in (found for folder in folders or () for found in Path(folder).glob("_lsap.*")):
        spec = importlib.util.spec_from_file_location("scipy.optimize._lsap", path)
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            solver: Callable[[FloatArray], tuple[IntArray, IntArray]] = module.linear_sum_assignment
            return solver
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment
