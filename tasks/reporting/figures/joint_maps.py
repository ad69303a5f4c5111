"""Affinity maps of a pose, joint by joint: S beside C, small pictures that the page lays over the frame."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.arrays import Float32Array, FloatArray, Picture
from models.keypoints import BODY, POSETRACK_KEYPOINTS
from tasks.reporting.figures.panels import data_uri, heat_layer, in_grey, layer_uri, resized_cut
from tasks.reporting.figures.recovery_maps import MapsOfPose
from tasks.reporting.labels import from_head_to_foot, label

_HEIGHT_PX: Final = 240
_CELL_PX: Final = 4
"""Pixels of the shown picture per pixel of the layer: maps are coarse, and browsers smooth them."""
_NAMES: Final = {"siamese": "S, unrefined", "refined": "C, refined"}


@dataclass(frozen=True)
class JointMap:
    """One map of one joint; positions are shares of the picture in percent."""

    name: str
    """Of the kind of map."""
    layer: str
    """PNG with transparency, as a URI."""
    peak: tuple[float, float]
    text: str
    """Value and distance of the peak."""


@dataclass(frozen=True)
class Joint:
    """The maps of one queried joint."""

    name: str
    true: tuple[float, float] | None
    """Where the joint is annotated."""
    maps: list[JointMap]


@dataclass(frozen=True)
class JointMaps:
    """A cut-out of a frame, and the maps of the joints that were queried."""

    picture: str
    """JPEG as a URI."""
    width: int
    height: int
    joints: list[Joint]


def joint_maps(maps: MapsOfPose, picture: Picture, region_xyxy: FloatArray, true_xy: FloatArray) -> JointMaps | None:
    """The maps of each queried body joint inside a region of the frame; None without such a joint.

    Args:
        maps: of the pose onto the frame.
        picture: the frame (H,W,3) RGB.
        region_xyxy: what is shown.
        true_xy: (17,2) px where the joints are annotated; NaN elsewhere.
    """
    queried = np.flatnonzero(maps.queried).tolist()
    order = sorted(
        (joint for joint in queried if joint in BODY), key=lambda joint: from_head_to_foot(POSETRACK_KEYPOINTS[joint])
    )
    if not order:
        return None
    shown = in_grey(resized_cut(picture, region_xyxy, _HEIGHT_PX))
    region = _Region(region_xyxy, (shown.shape[1], shown.shape[0]))
    heats = {kind: dict(zip(queried, maps.of_keypoints(kind), strict=True)) for kind in maps.kinds}
    peaks = {kind: maps.peaks(kind) for kind in maps.kinds}
    joints = []
    for joint in order:
        of_kinds = [
            region.map_of(kind, heats[kind][joint], peaks[kind][0][joint], float(peaks[kind][1][joint]), true_xy[joint])
            for kind in maps.kinds
        ]
        true = None if np.isnan(true_xy[joint]).any() else region.percent(true_xy[joint])
        joints.append(Joint(label(POSETRACK_KEYPOINTS[joint]), true, of_kinds))
    return JointMaps(data_uri(shown), shown.shape[1], shown.shape[0], joints)


@dataclass(frozen=True)
class _Region:
    xyxy: FloatArray
    size: tuple[int, int]
    """Width and height in which it is shown, px."""

    def map_of(self, kind: str, heat: Float32Array, peak_xy: FloatArray, peak: float, true_xy: FloatArray) -> JointMap:
        left, top, right, bottom = (int(side) for side in self.xyxy)
        cells = (max(1, self.size[0] // _CELL_PX), max(1, self.size[1] // _CELL_PX))
        cut = cv2.resize(heat[top : bottom + 1, left : right + 1], cells, interpolation=cv2.INTER_AREA)
        scaled = np.asarray(np.clip(cut / max(peak, 1e-6), 0, 1), dtype=np.float32)
        text = f"largest value {peak:.2f}"
        if not np.isnan(true_xy).any():
            text += f", {np.hypot(*(peak_xy - true_xy)):.0f} px from the annotated joint"
        return JointMap(_NAMES[kind], layer_uri(heat_layer(scaled)), self.percent(peak_xy), text)

    def percent(self, xy: FloatArray) -> tuple[float, float]:
        left, top, right, bottom = (int(side) for side in self.xyxy)
        x = 100 * (xy[0] - left + 0.5) / (right - left + 1)
        y = 100 * (xy[1] - top + 0.5) / (bottom - top + 1)
        return round(float(x), 1), round(float(y), 1)
