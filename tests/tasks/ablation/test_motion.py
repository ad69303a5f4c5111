"""The optical-flow baseline carries keypoints as the pictures move."""

import cv2
import numpy as np

from tasks.ablation.motion import carry, dis_flow


def scene(shift):
    """A blurred random pattern, moved by (x, y) whole pixels."""
    noise = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)
    pattern = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.roll(pattern, (shift[1], shift[0]), axis=(0, 1))


def test_keypoints_follow_a_moved_picture():
    points = np.tile([64.0, 48.0], (1, 17, 1))
    moved, arrived = carry(points, dis_flow(scene((0, 0)), scene((5, -3))))
    assert np.allclose(moved[0, 0], [69, 45], atol=0.5)
    assert arrived.all()


def test_a_keypoint_that_starts_or_ends_outside_does_not_arrive():
    flow = np.tile(np.float32([10, 0]), (20, 30, 1))
    points = np.full((1, 17, 2), 5.0)
    points[0, 0], points[0, 1], points[0, 2] = (-1, 5), (25, 5), (np.nan, 5)
    _, arrived = carry(points, flow)
    assert arrived[0].tolist() == [0, 0, 0] + [1] * 14
