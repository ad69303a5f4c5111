"""Small worlds of joints for the metrics, made from a seed."""

from collections.abc import Callable

import numpy as np
import pytest

from models.metrics.sequence import JOINT_COUNT, Sequence, SequencePersons

Grid = np.ndarray


def persons_of(frame: Grid, track_id: Grid, xy: Grid, **changes: Grid) -> SequencePersons:
    """Persons with all joints, score 1 and heads of 10 px, in the given order."""
    count = len(frame)
    fields = {
        "present": np.ones((count, JOINT_COUNT), dtype=bool),
        "score": np.ones((count, JOINT_COUNT)),
        "head_size": np.full(count, 10.0),
        **changes,
    }
    return SequencePersons(np.asarray(frame), np.asarray(track_id, dtype=float), np.asarray(xy, dtype=float), **fields)


def scene(*frames: tuple[dict[int, float], dict[int, float]]) -> Sequence:
    """Each frame is ({annotated id: x}, {predicted id: x}); all joints of a person stand at (x, 0)."""
    sides = []
    for side in (0, 1):
        rows = [(index, identity, x) for index, frame in enumerate(frames) for identity, x in frame[side].items()]
        table = np.array(rows, dtype=float).reshape(-1, 3)
        xy = np.zeros((len(table), JOINT_COUNT, 2))
        xy[:, :, 0] = table[:, 2:]
        sides.append(persons_of(table[:, 0].astype(np.int64), table[:, 1], xy))
    return Sequence("scene", len(frames), sides[0], sides[1])


def random_sequence(seed: int, *, crowd: float = 12.0, grid: float = 0.0, repeats: bool = False) -> Sequence:
    """A crowd in `crowd` px with heads of 10 px, so that most joints have several candidates.

    `grid` above 0 puts joints on it, which makes equal distances; `repeats` lets annotated identities occur twice.
    """
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(2, 9))
    sides = []
    for side in (0, 1):
        counts = rng.integers(0, 5, frames)
        frame = np.repeat(np.arange(frames), counts)
        ids = [rng.choice(6, count, replace=repeats and side == 0) for count in counts]
        xy = rng.uniform(1, crowd, (len(frame), JOINT_COUNT, 2))
        xy = np.round(xy / grid) * grid if grid else xy
        present = rng.random((len(frame), JOINT_COUNT)) < 0.85
        score = rng.permutation(len(frame) * JOINT_COUNT).reshape(-1, JOINT_COUNT).astype(float)
        head_size = rng.uniform(6, 14, len(frame)) if not grid else np.full(len(frame), 10.0)
        identities = np.concatenate([np.empty(0), *ids])
        sides.append(persons_of(frame, identities, xy, present=present, score=score, head_size=head_size))
    return Sequence("random", frames, sides[0], sides[1])


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Sequence]:
    return scene


@pytest.fixture(scope="session")
def make_random() -> Callable[..., Sequence]:
    return random_sequence
