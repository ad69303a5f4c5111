"""Scripted videos: persons as rigid figures whose position in each frame is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.correspondences import Affinities, PropagatedPoses

FIGURE = np.stack([20 * np.cos(np.arange(17) * 2.4), 5 * np.arange(17.0)], axis=-1)
"""Keypoints of a standing figure, 40 x 80 px, around its top."""


@dataclass
class Scene:
    """Persons in frames; pose ids are 100 * frame + the person's number, unless given.

    `positions[frame][person]` is where the figure stands. `looks[person]` names its appearance: persons with the same
    look have the same affinity to each other.
    """

    positions: Sequence[Mapping[int, tuple[float, float]]]
    looks: Mapping[int, int] = field(default_factory=dict)

    def look(self, person: int) -> int:
        return self.looks.get(person, person)

    @property
    def frames(self) -> list[FramePoses]:
        return [
            FramePoses(
                f,
                np.array([100 * f + person for person in positions], dtype=np.int64),
                np.array([FIGURE + position for position in positions.values()]).reshape(-1, 17, 2),
                np.full((len(positions), 17), 0.9),
            )
            for f, positions in enumerate(self.positions)
        ]

    @property
    def poses(self) -> VideoPoses:
        return VideoPoses(self.frames)

    def affinities(self, max_gap: int = 3, same: float = 0.9, other: float = 0.05) -> Affinities:
        """Rows of a perfect correspondence network: `same` between equal looks, `other` elsewhere."""
        rows = [
            (100 * f + q, f + gap, 100 * (f + gap) + p, same if self.look(q) == self.look(p) else other)
            for f, positions in enumerate(self.positions)
            for gap in range(1, max_gap + 1)
            if f + gap < len(self.positions)
            for q in positions
            for p in self.positions[f + gap]
        ]
        source, frame, target, value = np.array(rows).reshape(-1, 4).T
        values = np.repeat(value[:, None], 17, axis=1)
        return Affinities(source.astype(int), frame.astype(int), target.astype(int), values)

    def propagated(self, truth: Sequence[Mapping[int, tuple[float, float]]] | None = None) -> PropagatedPoses:
        """Each pose propagated to every later frame: to the person's true position there, with peaks 0.9."""
        truth = self.positions if truth is None else truth
        rows = [
            (100 * f + person, later, *truth[later][person])
            for f, positions in enumerate(self.positions)
            for later in range(f + 1, len(truth))
            for person in positions
            if person in truth[later]
        ]
        source, frame, x, y = np.array(rows).reshape(-1, 4).T
        xy = FIGURE + np.stack([x, y], axis=-1)[:, None]
        return PropagatedPoses(source.astype(int), frame.astype(int), xy, np.full((len(rows), 17), 0.9))


@pytest.fixture
def scene():
    return Scene
