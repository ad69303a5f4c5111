"""One-to-one assignment of tracks to poses by similarity."""

from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from models.arrays import BoolArray, FloatArray, IntArray

Assignment = Literal["greedy", "hungarian"]


class AssignedPairs(NamedTuple):
    """Assigned pairs in ascending order of the row: `row` (M,) and `column` (M,), each index at most once."""

    row: IntArray
    column: IntArray


def assign(similarity: FloatArray, *, min_similarity: float, assignment: Assignment) -> AssignedPairs:
    """Assign rows to columns one to one.

    Args:
        similarity: (Q,P).
        min_similarity: pairs below it, and pairs without evidence (0 or less), are not assigned.
        assignment: `greedy` takes the pairs in descending order of similarity, ties to the smaller row, then the
            smaller column; `hungarian` maximises the sum of the similarities.
    """
    allowed = (similarity >= min_similarity) & (similarity > 0)
    return _greedy(similarity, allowed) if assignment == "greedy" else _hungarian(similarity, allowed)


def _greedy(similarity: FloatArray, allowed: BoolArray) -> AssignedPairs:
    rows, columns = np.nonzero(allowed)
    column_of: dict[int, int] = {}
    taken: set[int] = set()
    order = np.lexsort((columns, rows, -similarity[rows, columns]))
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in column_of and column not in taken:
            column_of[row] = column
            taken.add(column)
    return _pairs(column_of)


def _hungarian(similarity: FloatArray, allowed: BoolArray) -> AssignedPairs:
    rows, columns = linear_sum_assignment(np.where(allowed, similarity, 0.0), maximize=True)
    kept = allowed[rows, columns]
    return AssignedPairs(np.asarray(rows[kept], dtype=np.int64), np.asarray(columns[kept], dtype=np.int64))


def _pairs(column_of: dict[int, int]) -> AssignedPairs:
    rows = sorted(column_of)
    return AssignedPairs(np.array(rows, dtype=np.int64), np.array([column_of[row] for row in rows], dtype=np.int64))
