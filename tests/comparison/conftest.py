"""A run on a small annotated corpus, written by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from models.keypoints import BODY, POSETRACK_KEYPOINTS
from tasks.tables import write_table
from tasks.tables.schemas import FRAMES, MERGED_TRACKS, TRACKS, VIDEOS

FRAME_COUNT = 4
_IS_BODY = np.isin(np.arange(17), BODY)


def keypoints(x: float) -> np.ndarray:
    """Seventeen keypoints in a row from (x, 50), 8 px apart; the ears at 0. Heads are 24 by 32 px."""
    xy = np.column_stack([x + 8.0 * np.arange(17), np.full(17, 50.0)])
    return np.where(_IS_BODY[:, None], xy, 0.0)


def write_run(root: Path, videos: dict[str, Callable[[int], dict[int, float]]], *, tags: dict[str, list[str]]) -> None:
    """Results of a run below `root`: in each frame of a video the tracks of given identities stand at given x.

    Every video has two annotated persons, 0 at x = 10 and 1 at x = 200, in each of four frames.
    """
    rows, frames = [], []
    for number, (name, tracks_of) in enumerate(videos.items()):
        annotations = root / "data/posetrack/annotations/val" / f"{name}.json"
        media = root / "data/videos" / f"{name}.mp4"
        _write_annotations(annotations, name, number)
        _write_video(media)
        rows.append(
            {
                **{"video_id": name, "split": "val", "source": annotations.relative_to(root / "data").as_posix()},
                **{"media": f"videos/{name}.mp4", "media_sha256": name, "width": 352, "height": 96},
                **{"frame_count": FRAME_COUNT, "labelled_frame_count": FRAME_COUNT, "frames_per_second": 12.0},
                "tags": tags.get(name, []),
            }
        )
        frames += [
            {
                **{"video_id": name, "frame_index": index, "image_id": 100 * number + index, "path": None},
                **{"file_name": f"{name}/{index:06d}.jpg", "is_labelled": True},
                **{"ignore_regions": None, "seconds": None},
            }
            for index in range(FRAME_COUNT)
        ]
        for table in (TRACKS, MERGED_TRACKS):
            extra = {"source_track_id": 0} if table is MERGED_TRACKS else {}
            poses = [row | extra for row in _track_rows(name, tracks_of)]
            write_table(table, poses, table.path(root / "artifacts/tables", name))
    write_table(VIDEOS, rows, VIDEOS.path(root / "artifacts/tables"))
    write_table(FRAMES, frames, FRAMES.path(root / "artifacts/tables"))


def _track_rows(name: str, tracks_of: Callable[[int], dict[int, float]]) -> list[dict[str, Any]]:
    rows = []
    for index in range(FRAME_COUNT):
        for track_id, x in tracks_of(index).items():
            xy = keypoints(x)
            rows.append(
                {
                    **{"video_id": name, "box_source": "detected", "frame_index": index, "track_id": track_id},
                    **{"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "score": [0.9] * 17},
                    **{"pose_id": len(rows), "origin": "detected", "similarity": None},
                }
            )
    return rows


def _write_annotations(path: Path, name: str, number: int) -> None:
    images = [
        {
            **{
                "id": 100 * number + index,
                "file_name": f"images/val/{number:06d}_mpii_test/{index:06d}.jpg",
                "is_labeled": True,
            },
            **{"ignore_regions_x": [], "ignore_regions_y": []},
        }
        for index in range(FRAME_COUNT)
    ]
    annotations = [
        {
            **{"image_id": image["id"], "track_id": person, "bbox_head": [x, 40, 24, 32]},
            "keypoints": np.column_stack([keypoints(x), _IS_BODY]).ravel().tolist(),
        }
        for image in images
        for person, x in enumerate((10.0, 200.0))
    ]
    category = {"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))


def _write_video(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt = 352, 96, "yuv420p"
        for _ in range(FRAME_COUNT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((96, 352, 3), 90, np.uint8))))
        container.mux(stream.encode(None))


@pytest.fixture(scope="session")
def make_run() -> Callable[..., None]:
    return write_run
