"""Which file is which frame: a truth table."""

import random
from typing import Any

import pytest

from tasks.formats.frame_order import FrameOrderError, box_frames, frame_numbers, frame_order, without_foreign

ORDERS: dict[str, list[str]] = {
    "padded numbers": ["000000.jpg", "000001.jpg", "000002.jpg"],
    "numbers without padding": ["9.jpg", "10.jpg", "11.jpg"],
    "every second frame": ["000002.jpg", "000004.jpg", "000012.jpg"],
    "a second number that is a delay": ["f_0_delay-0.1s.png", "f_1_delay-0.04s.png", "f_2_delay-0.12s.png"],
    "a hash after the number": ["a-9_jpg.rf.7f2e.jpg", "a-10_jpg.rf.1a9c.jpg", "a-11_jpg.rf.5c.jpg"],
    "a hash of other length": ["a_0.c4ca4238.jpg", "a_1.cfcd2084.jpg", "a_2.eccbc87e.jpg"],
    "a hash with digits before the number": ["9f3a_0.jpg", "1c44_1.jpg", "77de_2.jpg", "0b12_3.jpg", "aa00_4.jpg"],
    "a hash first, and a gap": ["9f3a01bc-f_08.jpg", "1c445d60-f_09.jpg", "77de1111-f_11.jpg"],
    "a UUID first, and a gap": [
        *("f47ac10b-58cc-4372-a567-0e02b2c3d479_1.png", "06fdde0a-3b1c-4f6e-9a51-2f0c7d1e8b44_2.png"),
        "c1d2e3f4-0000-4aaa-8bbb-123456789abc_5.png",
    ],
    "dates that look like hashes": ["20240101_5.png", "20240102_1.png", "20240104_7.png"],
    "hexadecimal numbers with a gap": ["0000000a.png", "0000000b.png", "0000000f.png"],
    "hexadecimal numbers": ["f0008.png", "f0009.png", "f000a.png", "f000b.png", "f000c.png"],
    "the number last, behind a delay": ["d0.1_f0.png", "d0.04_f1.png", "d0.1_f2.png", "d0.04_f3.png"],
    "a superscript": ["20m²_8.jpg", "20m²_9.jpg", "20m²_10.jpg"],
    "digits of another script": ["room٣_1.jpg", "room٣_2.jpg"],
    "two numbers that agree": ["1_1700.jpg", "2_1740.jpg", "3_1780.jpg"],
    "decimal digits of another script": ["f٩.jpg", "f١٠.jpg", "f١١.jpg"],
    "seconds with padding": ["0.00.jpg", "0.25.jpg", "0.50.jpg", "1.00.jpg"],
    "time stamps over a minute": ["12-58-58.jpg", "12-59-01.jpg", "12-59-30.jpg", "13-00-02.jpg"],
    "no numbers": ["a.jpg", "b.jpg", "c.jpg"],
    "names of different build": ["intro.jpg", "part1.jpg", "part2b.jpg"],
    "a gap": ["f1_x9.jpg", "f2_x3.jpg", "f5_x4.jpg"],
    "endings and folders take no part": ["images/9/1.jpg", "images/9/2.png", "images/9/3.jpg"],
    "one frame": ["7.jpg"],
    "none": [],
}


@pytest.mark.parametrize("case", ORDERS)
def test_names_have_one_order_however_they_are_listed(case: str) -> None:
    for seed in range(5):
        assert frame_order(random.Random(seed).sample(ORDERS[case], len(ORDERS[case]))) == ORDERS[case]


def test_two_readings_that_differ_are_refused_with_both_shown() -> None:
    with pytest.raises(FrameOrderError, match=r"two readings: by number 1: 0_2.*; by number 2: 2_0"):
        frame_order(["0_2.jpg", "1_1.jpg", "2_0.jpg"])


def test_a_copy_beside_its_picture_is_refused() -> None:
    with pytest.raises(
        FrameOrderError, match=r"one picture for each frame, got two series, with 2\.png and 2 copy\.png"
    ):
        frame_order(["1.png", "2.png", "2 copy.png", "3.png"])


def test_the_last_number_counts_frames_behind_hashes_of_any_build() -> None:
    assert frame_numbers(ORDERS["a hash with digits before the number"]) == [0, 1, 2, 3, 4]


def test_seconds_that_begin_again_are_no_count_of_frames() -> None:
    names = [f"12-59-{at:02d}.jpg" for at in range(30, 60)] + [f"13-00-{at:02d}.jpg" for at in range(30)]
    with pytest.raises(FrameOrderError, match="by natural order: 12-59-30"):
        frame_order(names)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            ["0.25.jpg", "0.5.jpg", "1.0.jpg"],
            "by whole numbers: 0.5.jpg, 0.25.jpg.*by decimal numbers: 0.25.jpg",
        ),
        (["1.jpg", "1_mask.png", "2.jpg", "2_mask.png"], "two series, with 1.jpg and 1_mask.png"),
        (["1.jpg", "1.png", "2.jpg"], "two series, with 1.jpg and 1.png"),
        (["01.jpg", "1.jpg", "2.jpg"], "two series, with 01.jpg and 1.jpg"),
        (["1.jpg", "2.jpg", "2 (1).jpg", "3.jpg"], r"two series, with 2.jpg and 2 \(1\).jpg"),
        (["9f3a01bc.jpg", "1c445d60.jpg", "77de1111.jpg"], "tell the order of frames, got hashes: 9f3a01bc.jpg"),
    ],
)
def test_names_that_tell_no_order_or_count_two_series_are_refused(names: list[str], reason: str) -> None:
    with pytest.raises(FrameOrderError, match=reason):
        frame_order(names)


def test_pictures_without_a_number_are_foreign_beside_numbered_ones() -> None:
    assert without_foreign(["1.jpg", "2.jpg", "cover.jpg"]) == (["1.jpg", "2.jpg"], ["cover.jpg"])
    assert without_foreign(["a.jpg", "b.jpg"]) == (["a.jpg", "b.jpg"], [])


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["000002.jpg", "000004.jpg"], [2, 4]),
        (["f_05_x4.jpg", "f_06_x4.jpg"], [5, 6]),
        (["a-9.rf.7f.jpg", "a-10.rf.1a.jpg", "a-11.rf.5c.jpg"], [9, 10, 11]),
        (["a-1.rf.9f.jpg", "a-2.rf.1a.jpg", "a-4.rf.5c.jpg"], [1, 2, 4]),
        (["9f3a01bc-f_08.jpg", "1c445d60-f_09.jpg", "77de1111-f_11.jpg"], [8, 9, 11]),
        (["a.jpg", "b.jpg"], None),
    ],
)
def test_the_number_that_distinguishes_frames(names: list[str], numbers: Any) -> None:
    assert frame_numbers(names) == numbers


EVEN, FROM_ZERO, FROM_ONE = [2, 4, 6, 8], [0, 1, 2, 3], [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("used", "numbers", "indices"),
    [
        ([1, 4], None, [0, 3]),
        ([1, 4], FROM_ONE, [0, 3]),
        ([1, 4], FROM_ZERO, [0, 3]),
        ([0, 3], None, [0, 3]),
        ([0, 3], FROM_ZERO, [0, 3]),
        ([0, 3], FROM_ONE, [0, 3]),
        ([2, 6, 8], EVEN, [0, 2, 3]),
        ([1, 2, 9], None, [0, 1, None]),
        ([1, 2, 9], FROM_ONE, [0, 1, None]),
        ([], EVEN, []),
    ],
)
def test_rows_of_boxes_find_their_frame(used: list[int], numbers: Any, indices: list[int | None]) -> None:
    boxes_of_frames = box_frames(used, 4, numbers)
    assert [boxes_of_frames.index.get(number) for number in used] == indices


@pytest.mark.parametrize(
    ("used", "numbers", "reason"),
    [
        ([2, 4], EVEN, "two that fit all rows: as frames counted from 1 row 2 is frame 2; as the numbers in the pic"),
        ([1, 3], FROM_ZERO, "two that fit all rows"),
        ([0, 1, 4], None, "got frames 0 to 4"),
    ],
)
def test_rows_are_never_shifted_by_a_guess(used: list[int], numbers: Any, reason: str) -> None:
    with pytest.raises(FrameOrderError, match=reason):
        box_frames(used, 4, numbers)


def test_an_unusual_reading_is_said_in_a_sentence() -> None:
    assert "names" in box_frames([2, 8], 4, EVEN).reading
    assert "from 0" in box_frames([0], 4, None).reading
    assert box_frames([1], 4, None).reading == ""
