"""Boxes as rows of the table detections: cut to the picture, numbered in frame order, dropped with a reason."""

import numpy as np
import pytest

from tasks.inference import person_boxes
from tasks.inference.person_boxes import PersonBox, PersonBoxes, detection_rows
from tasks.inference.videos import Video

VIDEO = Video({"video_id": "a", "width": 100, "height": 50}, [])


def rows(boxes: PersonBoxes, source: str = "detected") -> list[dict[str, object]]:
    table = detection_rows(VIDEO, {source: boxes}, score_threshold=0.3)
    return list(table.select(["frame_index", "detection_id", "box_xywh", "drop_reason"]).to_pylist())


@pytest.mark.parametrize(
    ("box_xywh", "score", "expected", "reason"),
    [
        ((10, 5, 20, 30), 0.9, (10, 5, 20, 30), None),
        ((10, 5, 20, 30), 0.3, (10, 5, 20, 30), None),
        ((10, 5, 20, 30), 0.29, (10, 5, 20, 30), "low_score"),
        ((-10, -5, 40, 30), 0.9, (0, 0, 30, 25), None),
        ((90, 40, 40, 30), 0.9, (90, 40, 9, 9), None),
        ((98.5, 5, 20, 30), 0.9, (98.5, 5, 20, 30), "outside_picture"),
        ((200, 5, 20, 30), 0.9, (200, 5, 20, 30), "outside_picture"),
        ((200, 5, 20, 30), 0.1, (200, 5, 20, 30), "low_score"),
    ],
)
def test_a_box_is_cut_to_its_picture_or_dropped(box_xywh, score, expected, reason):
    [row] = rows(PersonBoxes.of([PersonBox(3, box_xywh, score)]))
    assert row == {"frame_index": 3, "detection_id": 0, "box_xywh": list(expected), "drop_reason": reason}


def test_a_person_that_is_left_out_keeps_its_reason_wherever_it_stands():
    boxes = PersonBoxes(
        np.array([0, 0]),
        np.array([[-5.0, 0.0, 20.0, 20.0], [300.0, 0.0, 20.0, 20.0]]),
        np.zeros(2),
        np.array(["crowd", "no_keypoints"], dtype=object),
    )
    dropped = [(row["box_xywh"], row["drop_reason"]) for row in rows(boxes, "annotated")]
    assert dropped == [([0, 0, 15, 20], "crowd"), ([300, 0, 20, 20], "no_keypoints")]


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_ids_count_the_boxes_in_frame_order_whatever_the_block(monkeypatch, block):
    frames = [4, 0, 2, 0, 4, 1]
    boxes = PersonBoxes.of([PersonBox(frame, (1, 1, 10 + place, 10), 0.9) for place, frame in enumerate(frames)])
    monkeypatch.setattr(person_boxes, "_BLOCK", block)
    numbered = [(row["detection_id"], row["frame_index"], row["box_xywh"][2]) for row in rows(boxes)]
    assert numbered == [(0, 0, 11), (1, 0, 13), (2, 1, 15), (3, 2, 12), (4, 4, 10), (5, 4, 14)]


def test_no_boxes_are_no_rows():
    assert rows(PersonBoxes.of([])) == []
    assert len(PersonBoxes.joined([])) == 0
