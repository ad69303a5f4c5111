"""Array types and the poses of one frame."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.keypoints import KEYPOINT_COUNT, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FramePoses:
    """All poses of one frame, in ascending order of their ids, PoseTrack order of the keypoints.

    Attributes:
        frame_index: the frame.
        pose_id: (P,) unique in the video.
        xy: (P,17,2) float64, px of the original picture.
        score: (P,17) float64, 0 to 1.
    """

    frame_index: int
    pose_id: IntArray
    xy: FloatArray
    score: FloatArray

    def __post_init__(self) -> None:
        order = np.argsort(self.pose_id, kind="stable")
        shapes = {"pose_id": (-1,), "xy": (-1, KEYPOINT_COUNT, 2), "score": (-1, KEYPOINT_COUNT)}
        for name, shape in shapes.items():
            kind = np.int64 if name == "pose_id" else np.float64
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind).reshape(shape)[order])

    def __len__(self) -> int:
        return len(self.pose_id)
