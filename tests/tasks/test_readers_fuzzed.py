"""Every reader of a foreign file: any bytes, and any JSON of the right outline, give a result or one clear error."""

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.formats.coco_corpus import read_coco
from tasks.formats.corpus_part import CorpusPart
from tasks.formats.detected_boxes import read_results
from tasks.formats.json_files import load_json
from tasks.formats.kitti_flow import read_flow_png
from tasks.formats.mot import frames_per_second, read_detections, read_true_boxes
from tasks.formats.pictures import check_picture
from tasks.formats.pose_files.corpus import read_corpus_poses
from tasks.formats.pose_files.registry import FORMATS, read_poses
from tasks.formats.posetrack_corpus import read_posetrack
from tasks.formats.posetrack_files import listed_images, read_points
from tasks.formats.posetrack_frames import read_annotated_video
from tasks.formats.videos import decode_video, read_videos

READERS: dict[str, tuple[str, Callable[[Path, Path], Any]]] = {
    "read_coco": (
        "coco/annotations/person_keypoints_train2017.json",
        lambda data, path: read_coco(data),
    ),
    "read_posetrack": (
        "posetrack/annotations/val/000001_mpii_test.json",
        lambda data, path: list(read_posetrack(data)),
    ),
    "read_posetrack of PoseTrack21": (
        "posetrack21/posetrack_data/val/000001_mpii_test.json",
        lambda data, path: list(read_posetrack(data)),
    ),
    "read_annotated_video": (
        "images/000000.png",
        lambda data, path: read_annotated_video(data, [(1, {"file_name": "images/000000.png"})], lambda *_: None),
    ),
    "read_videos": ("walk.mp4", lambda data, path: list(read_videos(data))),
    "decode_video": ("walk.mp4", lambda data, path: decode_video(path)),
    "check_picture": ("a.png", lambda data, path: check_picture(path)),
    "read_flow_png": ("a.png", lambda data, path: read_flow_png(path)),
    "read_results": ("val.json", lambda data, path: read_results(path)),
    "read_detections": ("det.txt", lambda data, path: read_detections(path)),
    "read_true_boxes": ("gt.txt", lambda data, path: list(read_true_boxes(path))),
    "frames_per_second": ("seqinfo.ini", lambda data, path: frames_per_second(data)),
    "load_json": ("a.json", lambda data, path: load_json(path)),
    "listed_images": ("a.json", lambda data, path: listed_images(path)),
    "read_points": (
        "a.json",
        lambda data, path: [read_points("a", load_json(path), is_truth=it) for it in (True, False)],
    ),
    "read_corpus_poses": ("poses/walk.json", lambda data, path: read_corpus_poses(data, _one_video(), "auto")),
    **{
        f"read_poses as {name}": ("poses.json", lambda data, path, name=name: read_poses(path, name))  # type: ignore[misc]
        for name in ("auto", *FORMATS)
    },
}
"""By reader: the file it reads below a folder, and its call with that folder and that file."""
VERBS = ("read_", "load_", "listed_", "check_picture", "decode_video", "frames_per_second")

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, 1, -1, 2**63, 10**400, 1e308, float("nan"), float("inf"), "1", "3.0", "", "..", "\0", "person"]
    ),
    st.text(max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
FIELDS = (
    *(
        "id",
        "image_id",
        "category_id",
        "track_id",
        "file_name",
        "name",
        "keypoints",
        "scores",
        "score",
        "bbox",
        "bbox_head",
    ),
    *(
        "box",
        "idx",
        "frame_index",
        "frame_id",
        "people",
        "pose_keypoints_2d",
        "instances",
        "keypoint_scores",
        "annorect",
    ),
    *("annopoints", "point", "x", "y", "width", "height", "ignore_regions_x", "ignore_regions_y", "image", "landmarks"),
    *("area", "iscrowd", "is_labeled", "visibility", "keypoints_xy", "frames", "persons", "predictions"),
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6) | SCALARS, max_size=3)
OUTLINES = st.one_of(
    RECORDS,
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("images", "annotations", "categories", "annolist", "people", "instance_info", "meta_info", "frames"),
            RECORDS | SCALARS,
        ),
    ),
    st.dictionaries(
        st.text(max_size=4), RECORDS | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3), max_size=2
    ),
)
ROWS = st.lists(st.lists(SCALARS.map(str), max_size=10).map(",".join), max_size=4)
CONTENTS = st.one_of(
    st.binary(max_size=60),
    OUTLINES.map(lambda value: json.dumps(value).encode()),
    OUTLINES.map(lambda value: b"\xef\xbb\xbf" + json.dumps(value, indent=1).replace("\n", "\r\n").encode()),
    ROWS.map(lambda rows: "\r\n".join(rows).encode("utf-8", "replace")),
    st.sampled_from(
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"PAR1", b"\x89HDF", b"[Sequence]\nframeRate=", b"scorer,a\n"]
    ).flatmap(lambda head: st.binary(max_size=40).map(lambda rest: head + rest)),
)


def _one_video() -> CorpusPart:
    frames = [{"video_id": "walk", "frame_index": at, "image_id": at + 1, "path": None} for at in range(2)]
    videos = [{"video_id": "walk", "source": None, "width": 64, "height": 48}]
    return CorpusPart(videos=videos, frames={"walk": [frame | {"file_name": "x"} for frame in frames]})


def _public_readers() -> Iterator[str]:
    """Functions of tasks/formats that begin to read a file that the user brings."""
    for module in sorted((REPOSITORY / "tasks/formats").rglob("*.py")):
        for node in ast.parse(module.read_bytes()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(VERBS):
                takes_values = not any("Path" in ast.unparse(argument) for argument in node.args.args)
                if not takes_values or node.name == "read_points":
                    yield node.name


def test_no_reader_is_left_out() -> None:
    assert set(_public_readers()) - {"check_pictures"} == {name.partition(" ")[0] for name in READERS}
    assert {f"read_poses as {name}" for name in FORMATS} <= set(READERS)


@pytest.mark.parametrize("reader", READERS)
def test_anything_gives_a_result_or_one_clear_error(tmp_path: Path, reader: str) -> None:
    name, read = READERS[reader]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(content=CONTENTS)
    def survives(content: bytes) -> None:
        path.write_bytes(content)
        try:
            read(tmp_path, path)
        except InputError as error:
            assert str(error)
        except ValueError as error:  # a FieldError, which the caller completes with the file
            assert type(error).__name__ == "FieldError"

    survives()
