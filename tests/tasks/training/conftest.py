"""A tiny corpus as the index stage would leave it: stick figures on noise, in the orders of COCO and PoseTrack."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.tables.files import write_table
from tasks.tables.schemas import FRAMES, IMAGES, PERSONS, VIDEOS
from tasks.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[3]
SIZE = 96
_FIGURE = {
    **{"nose": (0, -34), "head_top": (0, -40), "head_bottom": (0, -26)},
    **{"left_eye": (2, -36), "right_eye": (-2, -36), "left_ear": (4, -35), "right_ear": (-4, -35)},
    **{"left_shoulder": (9, -24), "right_shoulder": (-9, -24), "left_elbow": (15, -12), "right_elbow": (-15, -12)},
    **{"left_wrist": (17, 2), "right_wrist": (-17, 2), "left_hip": (6, 0), "right_hip": (-6, 0)},
    **{"left_knee": (7, 18), "right_knee": (-7, 18), "left_ankle": (8, 36), "right_ankle": (-8, 36)},
}
WEIGHTS = {
    "pretrain": "pose_pretrained",
    "finetune": "pose",
    "train_siamese": "siamese",
    "train_refinement": "correspondence",
    "train_reid": "reid",
}
"""Name of the weights that a stage writes."""


def run(stage: str, workspace, params) -> Progress:
    """Run a stage; gives its events."""
    progress = Progress(None, stage)
    with as_current(progress):
        importlib.import_module(f"tasks.{stage}").run(workspace, params)
    return progress


@pytest.fixture(autouse=True)
def _deterministic():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """COCO: 6 training and 3 held-out pictures. PoseTrack: one training and one held-out video, two tracks each."""
    return make_workspace(tmp_path)


@pytest.fixture(scope="session")
def params() -> Params:
    """The committed parameters, made small: 32-pixel-wide crops, two epochs, one thread."""
    return shrunk(load_params(REPOSITORY / "params.yaml"))


@pytest.fixture(scope="session")
def changed() -> Callable[..., Params]:
    """A copy of params with other values in one section: changed(params, "pretrain", epochs=1)."""
    return with_values


def make_workspace(root: Path, *, posetrack: bool = True) -> Workspace:
    workspace = Workspace.of_repository(root)
    draw = np.random.default_rng(5)
    images, persons = _coco(workspace, draw)
    videos, frames, more = _posetrack(workspace, draw) if posetrack else ([], [], [])
    for table, rows in ((IMAGES, images), (PERSONS, persons + more), (VIDEOS, videos), (FRAMES, frames)):
        write_table(table, rows, table.path(workspace.tables))
    return workspace


def shrunk(params: Params) -> Params:
    shared = {"epochs": 2, "passes_per_epoch": 1, "micro_batches": 2, "micro_batch_size": 2, "threads": 1}
    shared |= {"workers": 1, "validation_samples": 4, "checkpoint_seconds": 1e-6, "start_weights": None, "keep": "last"}
    for name in ("pretrain", "finetune", "train_siamese", "train_refinement", "train_reid"):
        params = with_values(params, name, **shared)
    for name in ("pretrain", "finetune"):
        params = with_values(params, name, crop_height_px=64, crop_width_px=32)
    params = with_values(params, "pretrain", keypoint_channels="coco")
    params = with_values(params, "finetune", coco_persons=False)
    for name in ("train_siamese", "train_refinement"):
        params = with_values(params, name, size_px=64, fit_px_range=[64.0, 96.0])
    for name in ("pretrain", "train_siamese", "train_refinement", "train_reid"):
        params = with_values(params, name, width=0.0625)
    return with_values(
        params, "train_reid", micro_batch_size=4, identities_per_batch=2, crop_height_px=64, crop_width_px=32
    )


def with_values(params: Params, section: str, **values: Any) -> Params:
    return params.model_copy(update={section: getattr(params, section).model_copy(update=values)})


def _coco(workspace: Workspace, draw: np.random.Generator) -> tuple[list[dict], list[dict]]:
    images, persons = [], []
    for number in range(9):
        split = "train" if number < 6 else "val"
        image_id = f"coco/{split}/{number}"
        path = f"coco/images/{number}.png"
        row, points, labelled = _scene(workspace.data / path, draw, COCO_KEYPOINTS, colour=None)
        images.append(
            {"image_id": image_id, "split": split, "path": path, "source_id": number, "sha256": f"{number}", **row}
        )
        persons.append(
            _person(points, labelled)
            | {"person_id": f"{image_id}/{number}", "source": "coco", "split": split, "image_id": image_id}
            | {"video_id": None, "frame_index": None, "track_id": None, "annotation_id": number}
        )
    return images, persons


def _posetrack(workspace: Workspace, draw: np.random.Generator) -> tuple[list[dict], list[dict], list[dict]]:
    videos, frames, persons = [], [], []
    for video_id, split in (("v1", "train"), ("v2", "val")):
        for index in range(8):
            path = f"posetrack/images/{video_id}/{index:06d}.png"
            track = index % 2
            row, points, labelled = _scene(workspace.data / path, draw, POSETRACK_KEYPOINTS, colour=90 + 120 * track)
            frames.append({"video_id": video_id, "frame_index": index, "image_id": index, "file_name": path})
            frames[-1] |= {"path": path, "is_labelled": True, "ignore_regions": None, "seconds": None}
            labelled[3:5] = 0
            persons.append(
                _person(points, labelled)
                | {"person_id": f"{video_id}/{index}/0", "source": "posetrack", "split": split, "image_id": None}
                | {"video_id": video_id, "frame_index": index, "track_id": track, "annotation_id": index}
            )
        videos.append({"video_id": video_id, "split": split, "source": None, "media": f"posetrack/images/{video_id}"})
        videos[-1] |= {"media_sha256": video_id, "frame_count": 8, "labelled_frame_count": 8, **row}
        videos[-1] |= {"frames_per_second": None, "tags": []}
    return videos, frames, persons


def _scene(path: Path, draw: np.random.Generator, names: tuple[str, ...], colour: int | None):
    picture = cv2.resize(draw.integers(0, 120, (24, 24, 3)).astype(np.uint8), (SIZE, SIZE))
    centre = np.array([SIZE / 2, SIZE / 2]) + draw.integers(-6, 7, 2)
    points = np.array([_FIGURE[name] for name in names]) * draw.uniform(0.8, 1.05) + centre
    for number, (x, y) in enumerate(points):
        shade = [int(value) for value in draw.integers(60, 256, 3)] if colour is None else [colour, 255 - colour, 200]
        cv2.circle(picture, (round(x), round(y)), 3, [*shade[:2], 10 * number], -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)
    return {"width": SIZE, "height": SIZE}, points, np.full(17, 2)


def _person(points: np.ndarray, labelled: np.ndarray) -> dict[str, Any]:
    low, high = points.min(axis=0) - 4, points.max(axis=0) + 4
    head = [*(points[0] - 6), 12.0, 12.0]
    return {
        "box_xywh": [*low, *(high - low)],
        "box_head_xywh": head,
        "area": float(np.prod(high - low)),
        "is_crowd": False,
        "x": points[:, 0].tolist(),
        "y": points[:, 1].tolist(),
        "visibility": labelled.tolist(),
    }
