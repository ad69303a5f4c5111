"""A corpus of a few frames with small networks of random weights, and the stages from boxes to tracks run on it."""

import importlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.pose import PoseNetwork
from models.weight_files import save_weights
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.tables import TABLES, read_table, write_table
from tasks.tables.schemas import DETECTIONS, FRAMES, PERSONS, VIDEOS
from tasks.workspace import Workspace

STAGES = ("estimate", "recover", "track", "merge")
WRITTEN = {
    "estimate": ("poses",),
    "recover": ("recovered_poses", "correspondences", "affinities"),
    "track": ("tracks",),
    "merge": ("merged_tracks",),
}
REPOSITORY = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 80, 64


@pytest.fixture(scope="session")
def params() -> Params:
    """The committed parameters, small, in this process, and with thresholds that random networks pass."""
    return changed(
        load_params(REPOSITORY / "params.yaml"),
        compute={"executor": "local", "ray_from_frames": 0},
        estimate={"crop_width_px": 32, "crop_height_px": 64, "batch_size": 4, "shard_frames": 3, "nms_oks": 0.95},
        recover={
            "frame_size_px": 64,
            "peak_position": "cell",  # so that a test can name it
            "max_gap_frames": 2,
            "query_keypoint_threshold": 0.0,
            "corr_threshold": 0.0,
            "min_pose_keypoints": 1,
            "nms_keypoint_threshold": 0.0,
            "batch_size": 2,
        },
        track={"tau_corr": 0.0, "min_similarity": 0.0, "query_keypoint_threshold": 0.0, "min_track_frames": 1},
        merge={"similarity_threshold": 0.0, "corr_threshold": 0.0},
    )


@pytest.fixture(scope="session")
def change() -> Callable[..., Params]:
    """`change(params, section={"key": value})`: params with other values of some keys."""
    return changed


def changed(params: Params, **sections: dict[str, Any]) -> Params:
    """`params` with other values of some keys."""
    updates = {name: getattr(params, name).model_copy(update=values) for name, values in sections.items()}
    return params.model_copy(update=updates)


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights pose and correspondence, random, of a tiny width."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(7)
    pose = _lively(PoseNetwork(width=0.05))
    save_weights(folder / "pose.safetensors", pose, kind="pose", architecture=pose.architecture, params={})
    both = CorrespondenceNetwork(_lively(SiameseNetwork(width=0.05)), _lively(RefinementNetwork(width=0.05)))
    architecture = both.architecture
    save_weights(
        folder / "correspondence.safetensors", both, kind="correspondence", architecture=architecture, params={}
    )
    return folder


def _lively(module: torch.nn.Module) -> Any:
    """Random weights whose maps differ from cell to cell, with values around one half."""
    for name, tensor in module.named_parameters():
        if name.endswith("output.bias"):
            torch.nn.init.normal_(tensor, std=0.3)
        elif name.endswith("output.weight"):
            torch.nn.init.normal_(tensor, std=0.05)
    return module.eval()


@pytest.fixture
def workspace(tmp_path: Path, networks: Path) -> Workspace:
    """An empty workspace with the weights."""
    workspace = Workspace.of_repository(tmp_path)
    shutil.copytree(networks, workspace.models)
    return workspace


class Corpus:
    """Writes the index and the pictures of tiny videos, and their boxes."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.videos: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.persons: list[dict[str, Any]] = []

    def video(
        self, video_id: str, frame_count: int, *, persons: int = 2, labelled: Iterable[int] | None = None
    ) -> None:
        """Add a video whose pictures move a little, with persons annotated on its labelled frames."""
        labelled = range(frame_count) if labelled is None else list(labelled)
        folder = self.workspace.data / "posetrack/images/val" / video_id
        folder.mkdir(parents=True)
        scene = np.random.default_rng(sum(video_id.encode())).integers(0, 255, (HEIGHT, 2 * WIDTH, 3), np.uint8)
        scene = cv2.GaussianBlur(scene, (5, 5), 0)
        for index in range(frame_count):
            cv2.imwrite(str(folder / f"{index:06}.jpg"), scene[:, index : index + WIDTH])
            self.frames.append(_frame_row(self, video_id, index, index in labelled, folder))
            for number in range(persons if index in labelled else 0):
                self.persons.append(_person_row(video_id, index, number))
        self.videos.append(_video_row(video_id, frame_count, len(list(labelled))))

    def write(self) -> Workspace:
        """Write the tables of the index."""
        for table, rows in ((VIDEOS, self.videos), (FRAMES, self.frames), (PERSONS, self.persons)):
            write_table(table, rows, table.path(self.workspace.tables))
        return self.workspace

    def two_walkers(self, video_id: str, frame_count: int, *, missed: Iterable[tuple[int, int]] = ()) -> None:
        """Write detections of two persons in every frame, but for the missed (frame, person)."""
        pairs = ((index, number) for index in range(frame_count) for number in range(2))
        kept = [(index, walker_box(index, number)) for index, number in pairs if (index, number) not in set(missed)]
        self.detections(video_id, kept)

    def run(self, params: Params, *stages: str) -> Progress:
        """Run stages, all from estimate on where none is named; returns the progress of the last one."""
        for stage in stages or STAGES:
            with as_current(Progress(None, stage)) as progress:
                importlib.import_module(f"tasks.{stage}").run(self.workspace, params)
        return progress

    def table(self, name: str, video_id: str, **equal: Any) -> list[dict[str, Any]]:
        """Rows of a per-video table, those with certain values."""
        rows = read_table(TABLES[name], TABLES[name].path(self.workspace.tables, video_id)).to_pylist()
        return [row for row in rows if all(row[key] == value for key, value in equal.items())]

    def files(self, *stages: str) -> dict[str, bytes]:
        """Bytes of every file that stages wrote, all from estimate on where none is named."""
        names = [name for stage in stages or STAGES for name in WRITTEN[stage]]
        paths = sorted(path for name in names for path in (self.workspace.tables / name).glob("*"))
        return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}

    def detections(self, video_id: str, boxes: Iterable[tuple[int, tuple[float, ...]]]) -> None:
        """Write the table detections of a video as the stage detect would, from (frame, box) pairs."""
        rows = [_detection_row(video_id, number, *box) for number, box in enumerate(boxes)]
        write_table(DETECTIONS, rows, DETECTIONS.path(self.workspace.tables, video_id))


def walker_box(frame_index: int, number: int) -> tuple[float, float, float, float]:
    """Box of a person who walks along with the scene."""
    return 8.0 + 30.0 * number - frame_index, 10.0, 22.0, 40.0


def _video_row(video_id: str, frame_count: int, labelled: int) -> dict[str, Any]:
    return {
        "video_id": video_id,
        "split": "val",
        "source": f"posetrack/annotations/val/{video_id}.json",
        "media": f"posetrack/images/val/{video_id}",
        "media_sha256": "0" * 64,
        "width": WIDTH,
        "height": HEIGHT,
        "frame_count": frame_count,
        "labelled_frame_count": labelled,
        "frames_per_second": None,
        "tags": [],
    }


def _frame_row(corpus: Corpus, video_id: str, index: int, is_labelled: bool, folder: Path) -> dict[str, Any]:
    path = (folder / f"{index:06}.jpg").relative_to(corpus.workspace.data).as_posix()
    return {
        "video_id": video_id,
        "frame_index": index,
        "image_id": 1000 * len(corpus.videos) + index,
        "file_name": path.removeprefix("posetrack/"),
        "path": path,
        "is_labelled": is_labelled,
        "ignore_regions": None,
        "seconds": None,
    }


def _person_row(video_id: str, index: int, number: int) -> dict[str, Any]:
    x, y, width, height = walker_box(index, number)
    return {
        "person_id": f"{video_id}/{index}/{number}",
        "source": "posetrack",
        "split": "val",
        "image_id": None,
        "video_id": video_id,
        "frame_index": index,
        "track_id": number,
        "annotation_id": number,
        "box_xywh": [x, y, width, height],
        "box_head_xywh": None,
        "area": 880.0,
        "is_crowd": False,
        "x": [x + 5.0] * 17,
        "y": [20.0] * 17,
        "visibility": [2] * 17,
    }


def _detection_row(video_id: str, number: int, frame_index: int, box_xywh: tuple[float, ...]) -> dict[str, Any]:
    return {
        "video_id": video_id,
        "box_source": "detected",
        "frame_index": frame_index,
        "detection_id": number,
        "box_xywh": list(box_xywh),
        "score": 0.9,
        "drop_reason": None,
    }


@pytest.fixture
def corpus(workspace: Workspace) -> Corpus:
    """A corpus to fill."""
    return Corpus(workspace)


@pytest.fixture
def annotate(corpus: Corpus) -> Callable[[str], None]:
    """`annotate(video_id)` writes the table detections of a video with its annotated boxes alone."""

    def write(video_id: str) -> None:
        persons = [row for row in corpus.persons if row["video_id"] == video_id]
        rows = [
            _detection_row(video_id, number, row["frame_index"], row["box_xywh"]) for number, row in enumerate(persons)
        ]
        path = DETECTIONS.path(corpus.workspace.tables, video_id)
        write_table(DETECTIONS, [row | {"box_source": "annotated"} for row in rows], path)

    return write
