"""The true optical flow of the validation videos: where each point of frame f is seen in frame f+1."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray
from tasks.demo_corpus.canvas import PARTS_PER_PERSON, Canvas
from tasks.demo_corpus.files import Report, log_progress, one_thread
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.parts import Part
from tasks.demo_corpus.scenes import Scene
from tasks.demo_corpus.staging import stage_video
from tasks.formats.kitti_flow import write_flow_png


@dataclass(frozen=True)
class TrueFlow:
    """Displacement (H,W,2) in pixels from a frame to the next, and where (H,W) the point is still seen there."""

    flow: npt.NDArray[np.float16]
    valid: BoolArray


def write_flow(
    folder: Path, corpus: CorpusParams, *, seed: int, report: Report = log_progress, split: str = "val"
) -> None:
    """Writes `folder`/<video>/<frame>.png in KITTI's form, frame to next frame.

    The scenes are rendered anew from the corpus parameters and the seed; no file of the corpus is read.
    """
    count = corpus.train_videos if split == "train" else corpus.val_videos
    with one_thread():
        for number in range(count):
            scene = stage_video(corpus, seed=seed, namespace=split, number=number)
            for frame, true in enumerate(flows_of(scene)):
                write_flow_png(folder / scene.name / f"{frame:06d}.png", true.flow, true.valid)
            report("videos with true flow", number + 1, count)


def flows_of(scene: Scene) -> Iterator[TrueFlow]:
    """One flow for each pair of neighbouring frames, at the middle of their exposures."""
    before = scene.canvas(0)
    for frame in range(scene.frames - 1):
        after = scene.canvas(frame + 1)
        yield true_flow(scene, frame, before, after)
        before = after


def true_flow(scene: Scene, frame: int, before: Canvas, after: Canvas) -> TrueFlow:
    """Flow from `frame` to the next; `before` and `after` are their canvases."""
    height, width = before.owner.shape
    y, x = np.indices((height, width)).astype(np.float64)
    points, facing = _world_points(scene, frame, x, y), np.ones((height, width), bool)
    for person, figure in enumerate(scene.figures):
        pairs = zip(figure.parts(scene.moment(frame)), figure.parts(scene.moment(frame + 1)), strict=True)
        for i, (part, moved) in enumerate(pairs):
            mine = before.owner == person * PARTS_PER_PERSON + i
            if mine.any():
                points[mine], facing[mine] = _part_points(part, moved, x[mine], y[mine])
    columns, rows = (np.round(points[..., i]).astype(int) for i in (0, 1))
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    owners = after.owner[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
    flow = (points - np.stack([x, y], -1)).astype(np.float16)
    return TrueFlow(flow, inside & facing & (owners == before.owner))


def _world_points(scene: Scene, frame: int, x: FloatArray, y: FloatArray) -> FloatArray:
    """Where background and standing things of a frame are in the next: they move with the camera only."""
    turn = scene.backdrop_map(frame + 1) @ np.linalg.inv(scene.backdrop_map(frame))
    points = np.stack([x.ravel(), y.ravel()], -1)[None]
    return np.asarray(cv2.perspectiveTransform(points, turn), np.float64).reshape(*x.shape, 2)


def _part_points(part: Part, moved: Part, x: FloatArray, y: FloatArray) -> tuple[FloatArray, BoolArray]:
    seen = part.surface(x, y)
    new_x, new_y, faces = moved.place(seen.along, seen.around)
    return np.stack([new_x, new_y], -1), faces
