"""Clips: drawn skeletons, and bytes that depend on the pictures alone."""

import av
import cv2
import numpy as np
import pytest

from tasks.reporting.clips import poster_of, write_clip
from tasks.reporting.drawing import draw_tracks, track_colour

HEIGHT, WIDTH = 64, 80


def track(track_id=3, origin="detected", score=1.0):
    """One person whose keypoints lie on a diagonal."""
    line = np.linspace(10, 50, 17)
    return {"track_id": track_id, "origin": origin, "x": line, "y": line, "score": np.full(17, score)}


def black():
    return np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def test_a_pose_is_drawn_in_the_colour_of_its_identity():
    drawn = draw_tracks(black(), [track()], scale=1.0, keypoint_threshold=0.3)
    assert (drawn[30, 30] == track_colour(3)).all()


def test_keypoints_below_the_threshold_are_not_drawn():
    assert not draw_tracks(black(), [track(score=0.2)], scale=1.0, keypoint_threshold=0.3).any()


def test_sides_of_a_scaled_picture_are_even():
    assert draw_tracks(black(), [], scale=0.37, keypoint_threshold=0.3).shape == (24, 30, 3)


def test_the_input_picture_does_not_change():
    picture = black()
    draw_tracks(picture, [track()], scale=1.0, keypoint_threshold=0.3)
    assert not picture.any()


def test_a_clip_plays_and_has_every_frame(tmp_path):
    pictures = [np.full((HEIGHT, WIDTH, 3), shade, np.uint8) for shade in (0, 120, 240)]
    path = write_clip(pictures, tmp_path / "clip.mp4", frames_per_second=12)
    with av.open(str(path)) as container:
        shades = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
    assert np.allclose(shades, [0, 120, 240], atol=6)


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    pictures = [np.random.default_rng(7).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(5)]
    first, second = (write_clip(pictures, tmp_path / f"{name}.mp4", frames_per_second=25) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert poster_of(first).read_bytes() == poster_of(second).read_bytes()


def test_no_picture_is_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"clip\.mp4: a clip needs at least one picture"):
        write_clip([], tmp_path / "clip.mp4", frames_per_second=25)
    assert not list(tmp_path.iterdir())


def test_a_clip_does_not_depend_on_what_lay_in_memory_before(tmp_path):
    rng = np.random.default_rng(5)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (224, 360, 3), dtype=np.uint8), (0, 0), 3)
    pictures = [np.ascontiguousarray(ground[:, 2 * step : 2 * step + 320]) for step in range(20)]
    for step, picture in enumerate(pictures):
        cv2.line(picture, (20 + 9 * step, 40), (60, 200 - 5 * step), (250, 30, 30), 3)
    contents = set()
    for run in range(12):
        for size in rng.integers(1_000, 3_000_000, 12):  # leaves other bytes in the memory that is taken next
            rng.bytes(int(size))
        contents.add(write_clip(pictures, tmp_path / f"{run}.mp4", frames_per_second=12).read_bytes())
    assert len(contents) == 1
