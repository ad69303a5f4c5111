"""A corpus of annotation files and written tracks, for the tests of the stages that read tracks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models.keypoints import BODY, POSETRACK_KEYPOINTS
from tasks import export, score
from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.tables import write_table
from tasks.tables.schemas import FRAMES, MERGED_TRACKS, VIDEOS, Table
from tasks.workspace import Workspace

FRAMES_OF_VIDEO = 4
CATEGORY = {"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}


def image_id(video: str, frame: int) -> int:
    return int(video[:6]) * 10_000 + frame if video[:6].isdigit() else frame + 1


def joints(x: float) -> np.ndarray:
    """Positions of 17 keypoints in a row from (x, 50), 10 px apart; the ears at 0."""
    xy = np.column_stack([x + 10.0 * np.arange(17), np.full(17, 50.0)])
    return np.where(np.isin(np.arange(17), BODY)[:, None], xy, 0.0)


class Corpus:
    """Videos of four frames with two annotated persons at x = 100 and 500, and tracks that find them."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.of_repository(root)
        self.videos: list[dict[str, Any]] = []

    def add(
        self, name: str, *, split: str = "val", tags: tuple[str, ...] = (), labelled: int = FRAMES_OF_VIDEO
    ) -> Path:
        """Annotate a video; only its first `labelled` frames have persons."""
        path = self.workspace.data / "posetrack" / "annotations" / split / f"{name}.json"
        images = [
            {
                "id": image_id(name, at),
                "file_name": f"images/{split}/{name}/{at:06d}.jpg",
                "is_labeled": at < labelled,
                "ignore_regions_x": [],
                "ignore_regions_y": [],
            }
            for at in range(FRAMES_OF_VIDEO)
        ]
        annotations = []
        for at in range(labelled):
            for track_id, x in enumerate((100.0, 500.0)):
                keypoints = np.column_stack([joints(x), np.isin(np.arange(17), BODY)])
                annotations.append(
                    {
                        "image_id": image_id(name, at),
                        "track_id": track_id,
                        "keypoints": keypoints.ravel().tolist(),
                        "bbox_head": [x, 40, 30, 40],
                    }
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [CATEGORY]}))
        self._index(name, split, path.relative_to(self.workspace.data).as_posix(), tags, labelled)
        return path

    def add_bare(self, name: str) -> None:
        """A video without annotations."""
        self._index(name, "val", None, (), 0)

    def _index(self, name: str, split: str, source: str | None, tags: tuple[str, ...], labelled: int) -> None:
        known = {
            "video_id": name,
            "split": split,
            "source": source,
            "tags": list(tags),
            "labelled_frame_count": labelled,
        }
        self.videos.append(
            {
                **known,
                "media": name,
                "media_sha256": "0",
                "width": 800,
                "height": 100,
                "frame_count": FRAMES_OF_VIDEO,
                "frames_per_second": None,
            }
        )

    def track(
        self,
        table: Table,
        name: str,
        *,
        ids: Callable[[int], tuple[int, int]] = lambda frame: (7, 8),
        score: float = 0.9,
        box_source: str = "detected",
    ) -> None:
        """Tracks that find both persons in every frame, with the given identities and keypoint score."""
        rows = []
        for frame in range(FRAMES_OF_VIDEO):
            for person, x in enumerate((100.0, 500.0)):
                xy = joints(x) + 1.0
                key = {"video_id": name, "box_source": box_source, "frame_index": frame, "track_id": ids(frame)[person]}
                scores = (score - 0.001 * (10 * frame + person) - 0.0001 * np.arange(17)).tolist()
                values = {"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "score": scores}
                row = {**key, **values, "pose_id": 2 * frame + person, "origin": "detected", "similarity": None}
                rows.append(row | ({"source_track_id": 0} if table is MERGED_TRACKS else {}))
        write_table(table, rows, table.path(self.workspace.tables, name))

    def run(self, stage: str, params: Params) -> Progress:
        """Write the index and run a stage that reads the tracks."""
        self._write_index()
        progress = Progress(None, stage)
        with as_current(progress):
            {"export": export, "score": score}[stage].run(self.workspace, params)
        return progress

    def _write_index(self) -> None:
        tables = self.workspace.tables
        write_table(VIDEOS, self.videos, VIDEOS.path(tables))
        frames = [
            {
                "video_id": video["video_id"],
                "frame_index": at,
                "image_id": image_id(video["video_id"], at),
                "file_name": f"images/{video['video_id']}/{at:06d}.jpg",
                "path": None,
                "is_labelled": at < video["labelled_frame_count"],
                "ignore_regions": None,
                "seconds": at / 4,
            }
            for video in self.videos
            for at in range(FRAMES_OF_VIDEO)
        ]
        write_table(FRAMES, frames, FRAMES.path(tables))

    @property
    def metrics(self) -> dict[str, Any]:
        """reports/scores.json."""
        return json.loads((self.workspace.reports / "scores.json").read_text())
