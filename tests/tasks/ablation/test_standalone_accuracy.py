"""The measures of the baselines have known answers."""

import numpy as np
import pytest

from tasks.formats.kitti_flow import read_flow_png, write_flow_png
from tasks.training.persons import AnnotatedPersons
from tasks.training.reid_data import ReidData


def persons(names: list[str], identities: list[int]) -> AnnotatedPersons:
    count = len(names)
    return AnnotatedPersons(
        locations=(),
        picture=np.zeros(count, np.int64),
        box_xywh=np.zeros((count, 4)),
        box_head_xywh=np.zeros((count, 4)),
        area=np.zeros(count),
        x=np.zeros((count, 17)),
        y=np.zeros((count, 17)),
        labelled=np.zeros((count, 17), bool),
        identity=np.array(identities),
        image_id=tuple(names),
        digest="",
    )


def test_rank_1_counts_other_frames_of_the_same_video_only(tmp_path):
    names = ["a/0", "a/0", "a/1", "a/1", "a/1", "b/0"]
    data = ReidData(tmp_path, persons(names, [0, 1, 0, 1, 2, 0]), None)
    samples = np.arange(6)
    # One axis for each person of video a; the crop of video b and the one of person 2 have no counterpart.
    perfect = np.float32([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert data.rank_1(samples, perfect) == 1
    assert data.rank_1(samples, perfect[[1, 0, 2, 3, 4, 5]]) == 0
    # Each crop of frame 0 meets three crops, each of frame 1 two, and one of them is right.
    assert data.rank_1_by_chance(samples) == pytest.approx((1 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 4)


def test_flow_survives_its_file_to_a_64th_of_a_pixel(tmp_path):
    flow = np.random.default_rng(1).uniform(-300, 300, (5, 7, 2))
    valid = flow[..., 0] > 0
    write_flow_png(tmp_path / "0.png", flow, valid)
    read, known = read_flow_png(tmp_path / "0.png")
    assert np.abs(read - flow).max() <= 0.5 / 64
    assert np.array_equal(known, valid)
