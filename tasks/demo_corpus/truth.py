"""What an annotator knows of a frame: where each keypoint is, and what hides it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.arrays import BoolArray, FloatArray
from tasks.demo_corpus.canvas import OCCLUDER, PARTS_PER_PERSON, Canvas
from tasks.demo_corpus.figures import Figure
from tasks.demo_corpus.scenes import Scene

SEEN, SELF_HIDDEN, HIDDEN, OUTSIDE = 3, 2, 1, 0
"""State of a keypoint: in view, behind its own body, behind another person or thing, out of the picture."""

_DEPTH_INSIDE: Final = {
    **{"shoulder": 0.055, "elbow": 0.045, "wrist": 0.04, "hip": 0.08, "knee": 0.06, "ankle": 0.055},
    **{"nose": 0.03, "eye": 0.03, "ear": 0.035, "head_bottom": 0.06, "head_top": 0.06},
}
"""How far below the surface a keypoint lies at most, in shares of the stature."""

_POINT_OF: Final = {"head_bottom": "neck"}
"""Keypoints whose name in the skeleton is another."""

LIMB_POINTS: Final = tuple(
    f"{side}_{limb}" for limb in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
FACE_POINTS: Final = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
ALL_POINTS: Final = (*FACE_POINTS, "head_bottom", "head_top", *LIMB_POINTS)


@dataclass(frozen=True)
class PersonTruth:
    """One person in one frame. Places are pixels; `visible_share` is what others leave of what is in the picture."""

    person: int
    positions: dict[str, FloatArray]
    states: dict[str, int]
    mask: BoolArray
    """Pixels where the person is seen."""
    whole_box_xywh: FloatArray
    """Box of the whole silhouette inside the picture, hidden parts included."""
    visible_share: float
    cut: bool
    """Whether the silhouette touches the picture's border."""
    speed_px: float
    """Mean movement of the keypoints during one exposure, pixels."""
    head_box_xywh: FloatArray


def people_of(scene: Scene, frame: int, canvas: Canvas) -> list[PersonTruth]:
    """Everyone of whom at least a few pixels would be in the picture, if nothing stood before them."""
    people = []
    for person, figure in enumerate(scene.figures):
        silhouette = canvas.silhouettes.get(person)
        if silhouette is not None and int(silhouette.sum()) >= 12:
            people.append(_person(scene, frame, canvas, person, figure, silhouette))
    return people


def _person(
    scene: Scene, frame: int, canvas: Canvas, person: int, figure: Figure, silhouette: BoolArray
) -> PersonTruth:
    moment = scene.moment(frame)
    mask = (canvas.owner // PARTS_PER_PERSON == person) & (canvas.owner >= 0) & (canvas.owner < OCCLUDER)
    border = np.concatenate([silhouette[0], silhouette[-1], silhouette[:, 0], silhouette[:, -1]])
    return PersonTruth(
        person=person,
        positions={name: figure.pixels[_POINT_OF.get(name, name)][moment] for name in ALL_POINTS},
        states={name: _state(canvas, person, figure, name, moment) for name in ALL_POINTS},
        mask=mask,
        whole_box_xywh=box_of_mask(silhouette),
        visible_share=float(mask.sum() / silhouette.sum()),
        cut=bool(border.any()),
        speed_px=_speed(scene, figure, frame),
        head_box_xywh=_head_box(figure, moment),
    )


def box_of_mask(mask: BoolArray) -> FloatArray:
    """Smallest box x, y, w, h around the true pixels; zeros where there are none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(4)
    return np.array([columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]], np.float64)


def _state(canvas: Canvas, person: int, figure: Figure, name: str, moment: int) -> int:
    x, y = (float(v) for v in figure.pixels[_POINT_OF.get(name, name)][moment])
    height, width = canvas.owner.shape
    column, row = round(x), round(y)
    depth = float(figure.points[_POINT_OF.get(name, name)][moment, 2])
    if not (0 <= column < width and 0 <= row < height and depth > 0.6 and x > 0 and y > 0):
        return OUTSIDE
    build = figure.identity.build
    inside = (
        _DEPTH_INSIDE.get(name, _DEPTH_INSIDE.get(name.split("_")[-1], 0.0)) * build.stature * max(1.0, build.girth)
    )
    reach = max(1, round(0.02 * figure.identity.build.stature * canvas_scale(figure, moment)))
    window = slice(max(0, row - reach), row + reach + 1), slice(max(0, column - reach), column + reach + 1)
    owners, depths = canvas.owner[window], canvas.depth[window]
    strange = (owners >= 0) & (owners // PARTS_PER_PERSON != person) & (depths < depth - inside)
    if strange.mean() > 0.6:
        return HIDDEN
    if name in FACE_POINTS and not _faces_camera(figure, name, moment):
        return SELF_HIDDEN
    of_person = owners // PARTS_PER_PERSON == person
    covered = of_person & (depths < depth - inside)
    loose = name in ("head_bottom", "head_top")
    return SELF_HIDDEN if covered.mean() > 0.6 and not loose else SEEN


def canvas_scale(figure: Figure, moment: int) -> float:
    """Pixels per metre at a figure."""
    head, foot = figure.points["head"][moment], figure.points["pelvis"][moment]
    flat = figure.pixels["head"][moment] - figure.pixels["pelvis"][moment]
    return float(np.hypot(*flat) / max(float(np.linalg.norm(head - foot)), 1e-6))


def _faces_camera(figure: Figure, name: str, moment: int) -> bool:
    """Whether the head's surface at a face point looks at the camera."""
    point, centre = figure.points[name][moment], figure.points["head"][moment]
    outward = (point - centre) / np.linalg.norm(point - centre)
    return bool(outward @ (-point / np.linalg.norm(point)) > -0.02)


def _speed(scene: Scene, figure: Figure, frame: int) -> float:
    first, last = frame * scene.subframes, (frame + 1) * scene.subframes - 1
    moves = [np.linalg.norm(figure.pixels[name][last] - figure.pixels[name][first]) for name in LIMB_POINTS]
    return float(np.mean(moves))


def _head_box(figure: Figure, moment: int) -> FloatArray:
    """The head from crown to chin, as PoseTrack's annotators box it."""
    top, bottom = (
        figure.pixels["head_top"][moment],
        figure.pixels["head"][moment] * 2 - figure.pixels["head_top"][moment],
    )
    size = float(np.hypot(*(top - bottom)))
    middle = 0.5 * (top + bottom)
    half = np.array([max(0.38 * size, 0.5 * abs(top[0] - bottom[0])), max(0.38 * size, 0.5 * abs(top[1] - bottom[1]))])
    return np.concatenate([middle - half, 2 * half])


def outline_in_picture(outline: FloatArray, turn: FloatArray, size: tuple[int, int]) -> FloatArray | None:
    """A convex outline of the backdrop as seen in a frame, cut at the picture's border; None when nothing is left."""
    width, height = size
    seen = cv2.perspectiveTransform(outline[None].astype(np.float64), turn)[0].astype(np.float32)
    frame = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    area, cut = cv2.intersectConvexConvex(seen, frame)
    return None if area < 16 or cut is None or len(cut) < 3 else np.asarray(cut[:, 0], np.float64)
