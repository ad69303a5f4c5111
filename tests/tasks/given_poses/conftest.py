"""A scripted video of two persons who stand apart, with poses of another program, and truth as boxes and keypoints."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from models.keypoints import COCO_KEYPOINTS, EARS, POSETRACK_KEYPOINTS
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.weight_files import save_weights
from tasks.code_files import REPOSITORY
from tasks.formats.posetrack_conversion import CATEGORY
from tasks.params.loading import load_params
from tasks.params.sections import Params

WIDTH, HEIGHT = 160, 96
_DRAW = np.random.default_rng(5)
_SHAPE = np.column_stack([_DRAW.uniform(-12, 12, 17), _DRAW.uniform(-30, 30, 17)])
_CENTRES = {4: np.array([35.0, 48.0]), 9: np.array([120.0, 48.0])}
_WALL = cv2.GaussianBlur(_DRAW.integers(0, 255, (HEIGHT, 400, 3), np.uint8), (0, 0), 2)


@dataclass(frozen=True)
class Scene:
    """Who is where: the keypoints of both persons in each frame."""

    root: Path
    xy: dict[int, list[Any]]
    """By identity, (17,2) px in each frame, in PoseTrack's order."""

    @property
    def frame_count(self) -> int:
        return len(self.xy[4])

    def write_video(self) -> Path:
        """A folder of pictures, numbered from 1 as in MOT."""
        folder = self.root / "img1"
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(self.frame_count):
            picture = np.ascontiguousarray(_WALL[:, 2 * index : 2 * index + WIDTH])
            cv2.imwrite(str(folder / f"{index + 1:06d}.png"), picture)
        return folder

    def write_boxes(self) -> Path:
        """The extent of each person, as MOT's gt.txt."""
        rows = []
        for identity, frames in self.xy.items():
            for index, xy in enumerate(frames):
                low, high = xy.min(axis=0), xy.max(axis=0)
                box = [*(low + 1), *(high - low)]
                rows.append(",".join(map(str, [index + 1, identity, *box, 1, -1, -1, -1])))
        path = self.root / "gt.txt"
        path.write_text("\n".join(rows) + "\n")
        return path

    def write_keypoints(self, frames: list[int] | None = None) -> Path:
        """PoseTrack18 JSON of some frames."""
        chosen = list(range(self.frame_count)) if frames is None else frames
        images = [{"id": 50 + index, "file_name": f"img1/{index + 1:06d}.png"} for index in chosen]
        persons = []
        for identity, of_frames in self.xy.items():
            for index in chosen:
                keypoints = np.column_stack([of_frames[index], np.ones(17)])
                keypoints[EARS] = 0
                record = {"id": len(persons), "image_id": 50 + index, "track_id": identity, "category_id": 1}
                head = [*of_frames[index][:3].min(axis=0), 12.0, 16.0]
                persons.append(record | {"keypoints": keypoints.ravel().tolist(), "bbox_head": head})
        path = self.root / "truth.json"
        path.write_text(json.dumps({"images": images, "annotations": persons, "categories": [CATEGORY]}))
        return path

    def write_poses(self, **extra: Any) -> Path:
        """The true poses as COCO results by frame_index, with the eyes instead of the head's two keypoints."""
        order = [POSETRACK_KEYPOINTS.index(name) if name in POSETRACK_KEYPOINTS else 1 for name in COCO_KEYPOINTS]
        results = []
        for of_frames in self.xy.values():
            for index, xy in enumerate(of_frames):
                keypoints = np.column_stack([xy[order], np.full(17, 0.9)])
                results.append(
                    {"frame_index": index, "category_id": 1, "keypoints": keypoints.ravel().tolist()} | extra
                )
        path = self.root / "poses.json"
        path.write_text(json.dumps(results))
        return path


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    def make(*, count: int = 8, swapping: bool = False, speed_px: float = 1.0) -> Scene:
        """Both drift to the right; if `swapping` they swap positions from each frame to the next."""
        xy: dict[int, list[Any]] = {4: [], 9: []}
        for index in range(count):
            for identity, other in ((4, 9), (9, 4)):
                centre = _CENTRES[other if swapping and index % 2 else identity]
                xy[identity].append(_SHAPE + centre + [speed_px * index, 0])
        return Scene(tmp_path, xy)

    return make


@pytest.fixture(scope="session")
def params() -> Params:
    """The committed params with frames of the scene's size."""
    committed = load_params(REPOSITORY / "params.yaml")
    return replace_section(committed, "recover", frame_size_px=160)


def replace_section(params: Params, section: str, **values: Any) -> Params:
    return params.model_copy(update={section: getattr(params, section).model_copy(update=values)})


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with a network of correspondences of a sixteenth of the width, as it is initialised."""
    torch.manual_seed(3)
    network = CorrespondenceNetwork(SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625)).eval()
    path = tmp_path / "weights" / "correspondence.safetensors"
    save_weights(path, network, kind="correspondence", architecture=network.architecture, params={})
    return path.parent
