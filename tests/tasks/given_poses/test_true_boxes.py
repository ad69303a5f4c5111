"""Boxes of MOT ground truth, and their metrics."""

import numpy as np
import pytest

from tasks.errors import InputError
from tasks.formats.mot import TrueBoxes, read_true_boxes
from tasks.given_poses.box_metrics import box_metrics


def write(tmp_path, *lines):
    path = tmp_path / "gt.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_line_is_a_box_counted_from_0(tmp_path):
    boxes = read_true_boxes(write(tmp_path, "1,9,499,158,31,75,1,-4.1,-7.3,0", "3 4 11 21 5 6 1"))
    assert boxes.frame.tolist() == [0, 2]
    assert boxes.identity.tolist() == [9, 4]
    assert boxes.box_xywh.tolist() == [[498, 157, 31, 75], [10, 20, 5, 6]]


def test_rows_that_mot_does_not_consider_are_left_out(tmp_path):
    person, ignored = "1,1,1,1,5,5,1,1,1", "1,2,1,1,5,5,0,1,1"
    car = "1,3,1,1,5,5,1,3,1"
    names = "frame,id,bb_left,bb_top,bb_width,bb_height,conf,class,visibility"
    assert read_true_boxes(write(tmp_path, names, person, ignored, car)).identity.tolist() == [1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,1,1,1,5,5,1", "1,1,2,2,5,5,1"], "an identity once in a frame, got 1 twice in frame 1"),
        (["1,1,1,1,5,5,0"], r"expected annotated persons in MOT form .*, got none"),
        (["1,-1,1,1,5,5,1"], "line 1: frame, id: expected whole numbers from 1 and from 0"),
        (["0,1,1,1,5,5,1"], "line 1: frame, id: expected whole numbers from 1 and from 0"),
        (["1,1,1"], "line 1"),
    ],
)
def test_a_broken_file_names_the_line(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        read_true_boxes(write(tmp_path, *lines))


def side(*rows):
    """Rows of frame, identity, left edge; each box is 10 x 10 px."""
    frame, identity, x = (np.array(column) for column in zip(*rows, strict=True))
    boxes = np.column_stack([x, np.zeros(len(x)), np.full(len(x), 10.0), np.full(len(x), 10.0)])
    return TrueBoxes(frame, identity, boxes)


def test_metrics_of_a_written_scene():
    truth = side((0, 1, 0), (1, 1, 0), (2, 1, 0), (0, 2, 50), (1, 2, 50), (2, 2, 50))
    # person 1 gets another track in frame 2; person 2 is found in frame 0 alone; a false positive in frame 1
    answered = side((0, 7, 0), (1, 7, 3), (2, 8, 0), (0, 5, 50), (1, 6, 90))
    metrics = box_metrics(truth, answered, range(3))
    assert (metrics["IDSW"], metrics["misses"], metrics["false positives"]) == (1, 2, 1)
    assert metrics["MOTA"] == pytest.approx(100 * (1 - 4 / 6), abs=0.01)
    assert metrics["IDF1"] == pytest.approx(100 * 2 * 3 / (6 + 5), abs=0.01)


def test_boxes_that_overlap_by_less_than_half_do_not_match():
    truth, answered = side((0, 1, 0)), side((0, 7, 4))  # 60 of 140 px in common
    assert box_metrics(truth, answered, [0])["misses"] == 1


def test_frames_without_truth_have_no_mota():
    assert box_metrics(side((0, 1, 0)), side((0, 7, 0)), [5])["MOTA"] is None
