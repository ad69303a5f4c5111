"""Tiny PoseTrack18 worlds, and the founders' cases with the official answers."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.keypoints import POSETRACK_KEYPOINTS
from tasks.scoring.run import Request, ScoreOutcome, score_folder

CATEGORIES = [{"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}]


class World:
    """Two folders of PoseTrack18 files, written frame by frame."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, side: str, name: str, frames: list[list[dict[str, Any]]]) -> Path:
        """One file: for each frame its annotations, without image ids."""
        return self.write_json(side, name, self.posetrack18(name, frames))

    def write_json(self, side: str, name: str, value: Any) -> Path:
        """One file with any content."""
        path = self.folder / side / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def score(self, **options: bool) -> ScoreOutcome:
        """Score the folders."""
        return score_folder(Request(self.folder / "gt", self.folder / "pred", self.folder / "out", **options))

    def result(self, name: str) -> dict[str, Any]:
        """A written result."""
        return json.loads((self.folder / "out" / f"{name}.json").read_text())

    def codes(self) -> set[str]:
        """Codes of the written warnings."""
        return {warning["code"] for warning in self.result("warnings")["warnings"]}

    @staticmethod
    def posetrack18(name: str, frames: list[list[dict[str, Any]]]) -> dict[str, Any]:
        """A PoseTrack18 file."""
        images = [
            {
                "id": index,
                "file_name": f"images/val/{name}/{index:06d}.jpg",
                "is_labeled": bool(persons),
                "ignore_regions_x": [],
                "ignore_regions_y": [],
            }
            for index, persons in enumerate(frames)
        ]
        annotations = [{"image_id": index, **entry} for index, persons in enumerate(frames) for entry in persons]
        return {"images": images, "annotations": annotations, "categories": deepcopy(CATEGORIES)}

    @staticmethod
    def person(
        track_id: int, x: float, y: float = 100.0, *, score: float | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Joints stand 10 px apart in a row from (x, y); the head is 30 px by 40 px, so a match is within 15 px."""
        keypoints = [value for channel in range(17) for value in (x + 10 * channel, y, 1.0)]
        entry = {"track_id": track_id, "keypoints": keypoints, "bbox_head": [x, y, 30, 40]}
        return entry | ({"scores": [score] * 17} if score is not None else {}) | fields


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty world."""
    return World(tmp_path)


@pytest.fixture(scope="session")
def world_class() -> type[World]:
    """The class, for worlds in folders of a test's own."""
    return World


@pytest.fixture
def same() -> Callable[[Any, Any], bool]:
    """Equal within 1e-9, NaN equal to NaN."""
    return lambda first, second: np.allclose(
        np.array(first, float), np.array(second, float), rtol=0, atol=1e-9, equal_nan=True
    )
