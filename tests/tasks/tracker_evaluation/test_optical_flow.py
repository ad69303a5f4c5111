"""The optical-flow baseline carries keypoints as the pictures move."""

from types import SimpleNamespace

import cv2
import numpy as np

from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.correspondences import propagate_by_flow
from tasks.tracker_evaluation.optical_flow import carried_by_flow, dis_flow


def scene(shift):
    """A blurred random pattern, moved by (x, y) whole pixels."""
    noise = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)
    pattern = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.roll(pattern, (shift[1], shift[0]), axis=(0, 1))


def test_keypoints_follow_a_moved_picture():
    points = np.tile([64.0, 48.0], (1, 17, 1))
    moved, arrived = propagate_by_flow(points, dis_flow(scene((0, 0)), scene((5, -3))))
    assert np.allclose(moved[0, 0], [69, 45], atol=0.5)
    assert arrived.all()


def test_a_keypoint_that_starts_or_ends_outside_does_not_arrive():
    flow = np.tile(np.float32([10, 0]), (20, 30, 1))
    points = np.full((1, 17, 2), 5.0)
    points[0, 0], points[0, 1], points[0, 2] = (-1, 5), (25, 5), (np.nan, 5)
    _, arrived = propagate_by_flow(points, flow)
    assert arrived[0].tolist() == [0, 0, 0] + [1] * 14


class Film:
    """Three frames as a video file would give them, for two trials with poses in all and in some of them."""

    def __init__(self, shifts):
        self.pictures = [scene(shift) for shift in shifts]

    def open(self, data):
        return self

    def read(self, indices):
        return ((index, self.pictures[index]) for index in indices)


def trial(film, frames):
    poses = [FramePoses(index, [10 + index], np.full((1, 17, 2), 50.0), np.ones((1, 17))) for index in frames]
    return SimpleNamespace(video=film, data=None, evidence=SimpleNamespace(poses=VideoPoses(poses)))


def test_box_sources_share_each_flow():
    film, asked = Film([(0, 0), (4, 0), (8, 0)]), []

    def flow(source, target):
        asked.append(1)
        return dis_flow(source, target)

    trials = [trial(film, [0, 1, 2]), trial(film, [0, 2])]
    both = carried_by_flow(trials, flow, max_gap_frames=1)
    assert len(asked) == 3  # 0 to 1, 1 to 2, and 0 to 2 for the second one
    alone = [carried_by_flow([one], dis_flow, max_gap_frames=1)[0] for one in trials]
    for one, other in zip(both, alone, strict=True):
        for frame, sources in ((1, [10]), (2, [10, 11])):
            for mine, theirs in zip(one.at(sources, frame), other.at(sources, frame), strict=True):
                assert np.array_equal(mine, theirs)
    assert np.allclose(both[1].at([10], 2)[0][0, 0], [58, 50], atol=0.7)
