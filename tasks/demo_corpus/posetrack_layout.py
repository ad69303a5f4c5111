"""The PoseTrack part: one JSON and one folder of frames per video, and a file of detections per split."""

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from models.arrays import FloatArray
from models.keypoints import POSETRACK_KEYPOINTS
from tasks.demo_corpus.canvas import Canvas
from tasks.demo_corpus.detector import Detection, Detector
from tasks.demo_corpus.drawing import DrawAll
from tasks.demo_corpus.files import Json, Report, rounded, write_jpeg, write_json
from tasks.demo_corpus.flow import true_flow
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.scenes import Scene
from tasks.demo_corpus.staging import stage_video
from tasks.demo_corpus.truth import HIDDEN, OUTSIDE, SELF_HIDDEN, PersonTruth, outline_in_picture, people_of
from tasks.formats.kitti_flow import write_flow_png

_SKELETON: Final = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10], [9, 11],
    [2, 3], [1, 2], [1, 3],
]  # fmt: skip
MIN_KEYPOINTS = 3
"""People with fewer keypoints in view are not annotated."""
FLOW_EVERY_FRAMES = 7
"""Of validation videos the true flow is written into every so many frames, from the frame before."""


def write_posetrack(
    root: Path, corpus: CorpusParams, *, seed: int, split: str, report: Report, draw_all: DrawAll
) -> None:
    """Writes the videos of one split ("train" or "val") and their detections below `root`/posetrack."""
    count = corpus.train_videos if split == "train" else corpus.val_videos
    detections: list[Json] = []
    draw = partial(_write_video, root / "posetrack", corpus, seed, split)
    for done, of_video in enumerate(draw_all(draw, range(count)), start=1):
        detections += of_video
        report(f"{split} videos", done, count)
    write_json(root / "posetrack" / "detections" / f"{split}.json", detections)


def _write_video(folder: Path, corpus: CorpusParams, seed: int, split: str, number: int) -> list[Json]:
    """Writes the frames, annotations and some true flow of one video; returns its detections."""
    scene = stage_video(corpus, seed=seed, namespace=split, number=number)
    detector = Detector(scene, corpus.detector)
    canvas: Canvas | None = None
    images: list[Json] = []
    annotations: list[Json] = []
    detections: list[Json] = []
    for frame in range(scene.frames):
        before, canvas = canvas, scene.canvas(frame)
        if before is not None and split == "val" and frame % FLOW_EVERY_FRAMES == FLOW_EVERY_FRAMES - 1:
            true = true_flow(scene, frame - 1, before, canvas)
            write_flow_png(folder / "flow" / split / scene.name / f"{frame - 1:06d}.png", true.flow, true.valid)
        people = people_of(scene, frame, canvas)
        image = _image(scene, frame, split)
        write_jpeg(folder / str(image["file_name"]), scene.photograph(frame, canvas), corpus.jpeg_quality)
        images.append(image)
        if scene.labelled[frame]:
            annotations += _annotations(scene, frame, people)
        detections += [_detection(detection, image["id"]) for detection in detector.detect(frame, people)]
    category: Json = {"supercategory": "person", "id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}
    category["skeleton"] = _SKELETON
    document = {"images": images, "annotations": annotations, "categories": [category], "tags": list(scene.tags)}
    write_json(folder / "annotations" / split / f"{scene.name}.json", document)
    return detections


def _image_id(scene: Scene, frame: int) -> int:
    return 10_000_000_000 + int(scene.name[:6]) * 10_000 + frame


def _image(scene: Scene, frame: int, split: str) -> Json:
    """One frame's record; only labelled frames have ignore regions, the others empty lists."""
    number = _image_id(scene, frame)
    image: Json = {
        "id": number,
        "file_name": f"images/{split}/{scene.name}/{frame:06d}.jpg",
        "vid_id": scene.name[:6],
        "frame_id": number,
        "nframes": scene.frames,
        "is_labeled": scene.labelled[frame],
    }
    size = (scene.camera.width, scene.camera.height)
    outlines = [outline_in_picture(outline, scene.backdrop_map(frame), size) for outline in scene.crowd]
    kept = [outline for outline in outlines if outline is not None and scene.labelled[frame]]
    regions = {
        "ignore_regions_x": [rounded(o[:, 0]) for o in kept],
        "ignore_regions_y": [rounded(o[:, 1]) for o in kept],
    }
    return image | regions


def _annotations(scene: Scene, frame: int, people: list[PersonTruth]) -> list[Json]:
    annotations = []
    size = np.array([scene.camera.width, scene.camera.height], np.float64)
    for person in people:
        named = [name for name in POSETRACK_KEYPOINTS if _annotated(person, name)]
        if len(named) < MIN_KEYPOINTS:
            continue
        number = _image_id(scene, frame)
        keypoints: list[float] = []
        for name in POSETRACK_KEYPOINTS:
            keypoints += [*rounded(person.positions[name]), 1] if name in named else [0, 0, 0]
        annotations.append({
            "bbox_head": rounded(person.head_box_xywh),
            "keypoints": keypoints,
            "track_id": person.person,
            "image_id": number,
            "bbox": rounded(_box(np.array([person.positions[name] for name in named]), size)),
            "scores": [],
            "category_id": 1,
            "id": number * 100 + person.person,
        })  # fmt: skip
    return annotations


def _annotated(person: PersonTruth, name: str) -> bool:
    """PoseTrack's annotators guess behind a person's own body, but not behind others, and leave the ears out."""
    if name.endswith("_ear"):
        return False
    state = person.states[name]
    if state in (HIDDEN, OUTSIDE):
        return False
    return not (name == "nose" and state == SELF_HIDDEN)


def _box(points: FloatArray, size: FloatArray) -> FloatArray:
    """The keypoints' extent with a margin of 15 % on every side, cut at the picture's border."""
    low, high = points.min(0), points.max(0)
    margin = 0.15 * np.maximum(high - low, 4.0)
    low, high = np.clip(low - margin, 0, size), np.clip(high + margin, 0, size)
    return np.concatenate([low, high - low])


def _detection(box: Detection, image_id: int) -> Json:
    return {"image_id": image_id, "category_id": 1, "bbox": rounded(box.box_xywh), "score": round(box.score, 4)}
