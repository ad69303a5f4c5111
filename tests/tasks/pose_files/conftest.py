"""One person in frames 0 and 2 of a video of three frames, in every format, written by the tests themselves."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS, POSEVAL_JOINTS
from tasks.formats.pose_files.keypoint_names import BLAZEPOSE_33, BODY_25, HALPE_26, OPENPOSE_COCO_18
from tasks.tables import write_table
from tasks.tables.schemas import POSES

WIDTH, HEIGHT, FRAMES = 200, 400, (0, 2)
PARTS = tuple(dict.fromkeys((*COCO_KEYPOINTS, *POSETRACK_KEYPOINTS)))
MISSING = "left_wrist"
SCORE = 0.75


def point(name: str, frame: int) -> tuple[float, float, float]:
    """Where the person has a keypoint in a frame: 0, 0, 0 for the missing one and for names it does not have."""
    if name == MISSING or name not in PARTS:
        return 0.0, 0.0, 0.0
    position = PARTS.index(name)
    return 20.0 + 2 * position + 10 * frame, 40.0 + 5 * position, SCORE


def flat(names, frame):
    return [value for name in names for value in point(name, frame)]


def dump(path: Path, value) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def folder_of(root: Path, name_of, value_of) -> Path:
    for frame in range(3):
        dump(root / name_of(frame), value_of(frame))
    return root


def coco_results(root):
    persons = [{"frame_index": f, "category_id": 1, "keypoints": flat(COCO_KEYPOINTS, f), "score": 0.5} for f in FRAMES]
    return dump(root / "results.json", persons)


def coco_results_by_id(root):
    persons = [{"image_id": f + 1, "keypoints": flat(COCO_KEYPOINTS, f), "score": 0.5} for f in FRAMES]
    return dump(root / "by_id.json", persons)


def posetrack18(root):
    images = [{"id": 900 + f, "file_name": f"images/val/000001_mpii_test/{f:06d}.jpg"} for f in range(3)]
    annotations = [
        {
            "image_id": 900 + f,
            "keypoints": [v if i % 3 < 2 else float(v > 0) for i, v in enumerate(flat(POSETRACK_KEYPOINTS, f))],
            "scores": [point(name, f)[2] for name in POSETRACK_KEYPOINTS],
        }
        for f in FRAMES
    ]
    categories = [{"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}]
    return dump(root / "pt18.json", {"images": images, "annotations": annotations, "categories": categories})


def posetrack17(root):
    def joint(name, frame):
        x, y, score = point(name, frame)
        return {"id": [POSEVAL_JOINTS.index(name)], "x": [x], "y": [y], "score": [score]}

    def rect(frame):
        return {"track_id": [0], "annopoints": [{"point": [joint(n, frame) for n in POSEVAL_JOINTS if n != MISSING]}]}

    frames = [
        {"image": [{"name": f"images/000001_mpii_test/{f:08d}.jpg"}], "annorect": [rect(f)] if f in FRAMES else []}
        for f in range(3)
    ]
    return dump(root / "pt17.json", {"annolist": frames})


def openpose(names):
    def write(root):
        def frame(index):
            return {"version": 1.3, "people": [{"pose_keypoints_2d": flat(names, index)}] if index in FRAMES else []}

        return folder_of(root / f"openpose_{len(names)}", lambda f: f"street_{f:012d}_keypoints.json", frame)

    return write


def alphapose(names):
    def write(root):
        persons = [
            {"image_id": f"{f}.jpg", "keypoints": flat(names, f), "score": 2.9, "box": [1, 2, 3, 4], "idx": 1}
            for f in FRAMES
        ]
        return dump(root / f"alphapose_{len(names)}.json", persons)

    return write


def alphapose_like_openpose(root):
    frames = {f"{f}.jpg": {"version": "x", "people": [{"pose_keypoints_2d": flat(COCO_KEYPOINTS, f)}]} for f in FRAMES}
    return dump(root / "alphapose_open.json", frames)


def instance(frame):
    points = [point(name, frame) for name in COCO_KEYPOINTS]
    return {"keypoints": [[x, y] for x, y, _ in points], "keypoint_scores": [s for *_, s in points], "bbox_score": 0.5}


def mmpose(root):
    frames = [{"frame_id": f + 1, "instances": [instance(f)] if f in FRAMES else []} for f in range(3)]
    meta = {"keypoint_id2name": {str(i): name for i, name in enumerate(COCO_KEYPOINTS)}}
    return dump(root / "mmpose.json", {"meta_info": meta, "instance_info": frames})


def mmpose_folder(root):
    return folder_of(root / "mmpose", lambda f: f"{f:06d}.json", lambda f: [instance(f)] if f in FRAMES else [])


def rtmlib(root):
    def frame(index):
        persons = [instance(index)] if index in FRAMES else []
        return {"keypoints": [p["keypoints"] for p in persons], "scores": [p["keypoint_scores"] for p in persons]}

    return dump(root / "rtmlib.json", [frame(f) for f in range(3)])


def ultralytics(root):
    def result(frame):
        points = [point(name, frame) for name in COCO_KEYPOINTS]
        keypoints = {axis: [p[i] for p in points] for i, axis in enumerate(("x", "y", "visible"))}
        return {"name": "person", "class": 0, "confidence": 0.5, "box": {"x1": 1}, "keypoints": keypoints}

    return dump(root / "ultralytics.json", [[result(f)] if f in FRAMES else [] for f in range(3)])


def ultralytics_txt(root):
    folder = root / "labels"
    folder.mkdir()
    for f in FRAMES:
        shares = [(x / WIDTH, y / HEIGHT, s) for x, y, s in (point(name, f) for name in COCO_KEYPOINTS)]
        numbers = [0, 0.5, 0.5, 0.2, 0.2, *(value for row in shares for value in row), 0.5]
        (folder / f"street_{f + 1}.txt").write_text(" ".join(map(str, numbers)) + "\n")
    return folder


def mediapipe(root):
    def landmarks(frame):
        points = (point(name, frame) for name in BLAZEPOSE_33)
        return [{"x": x / WIDTH, "y": y / HEIGHT, "z": 0.0, "visibility": s} for x, y, s in points]

    return dump(root / "mediapipe.json", [{"pose_landmarks": [landmarks(f)] if f in FRAMES else []} for f in range(3)])


def deeplabcut(root):
    columns = [(name, axis) for name in COCO_KEYPOINTS for axis in ("x", "y", "likelihood")]
    lines = [
        ",".join(["scorer", *("DLC" for _ in columns)]),
        ",".join(["bodyparts", *(name for name, _ in columns)]),
        ",".join(["coords", *(axis for _, axis in columns)]),
        *(",".join([str(f), *(map(str, flat(COCO_KEYPOINTS, f)) if f in FRAMES else [""] * 51)]) for f in range(3)),
    ]
    path = root / "streetDLC_resnet50.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def sleap(root):
    names = [name for name in COCO_KEYPOINTS if name != MISSING]
    lines = [
        ",".join(["track", "frame_idx", "instance.score", *(f"{n}.{c}" for n in names for c in ("x", "y", "score"))])
    ]
    lines += [",".join(["", str(f), "0.5", *map(str, flat(names, f))]) for f in FRAMES]
    path = root / "sleap.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(root):
    points = {f: np.array([point(name, f) for name in POSETRACK_KEYPOINTS]) for f in FRAMES}
    rows = [
        {
            **{
                "video_id": "street",
                "box_source": "detected",
                "frame_index": f,
                "pose_id": position,
                "origin": "detected",
            },
            **{"box_xywh": [0.0, 0.0, 1.0, 1.0], "x": points[f][:, 0], "y": points[f][:, 1], "score": points[f][:, 2]},
            **{"pose_score": 0.5, "drop_reason": None, "duplicate_of": None, "detection_id": position},
        }
        for position, f in enumerate(FRAMES)
    ]
    return write_table(POSES, rows, root / "poses.parquet")


EXAMPLES = {
    "coco-results": coco_results,
    "coco-results by image_id": coco_results_by_id,
    "coco (PoseTrack18)": posetrack18,
    "posetrack17": posetrack17,
    "openpose BODY_25": openpose(BODY_25),
    "openpose COCO-18": openpose(OPENPOSE_COCO_18),
    "alphapose": alphapose(COCO_KEYPOINTS),
    "alphapose Halpe-26": alphapose(HALPE_26),
    "alphapose like OpenPose": alphapose_like_openpose,
    "mmpose": mmpose,
    "mmpose folder": mmpose_folder,
    "rtmlib": rtmlib,
    "ultralytics": ultralytics,
    "ultralytics-txt": ultralytics_txt,
    "mediapipe": mediapipe,
    "deeplabcut": deeplabcut,
    "sleap": sleap,
    "parquet": parquet,
}


@pytest.fixture(params=EXAMPLES)
def example(request, tmp_path):
    """Name of the format, and the path of the person in it."""
    return request.param.split(" ")[0], EXAMPLES[request.param](tmp_path)


@pytest.fixture
def written(tmp_path):
    """Write an example by its name."""
    return lambda name: EXAMPLES[name](tmp_path)


@pytest.fixture
def true_point():
    """Where the person has a keypoint in a frame."""
    return point
