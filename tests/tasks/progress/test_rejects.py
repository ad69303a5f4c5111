"""Which rejects are alike, and how many of them read as one line."""

import pytest

from tasks.progress.rejects import grouped, kind_of


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("bbox: expected 4 numbers, got [1, 2]", "bbox: expected 4 numbers, got []"),
        ("id: expected an id of its own, got 3", "id: expected an id of its own, got 12345"),
        ('name: expected a word, got "a"', 'name: expected a word, got "of another length"'),
        ("000001.jpg: expected a whole picture, got 12 bytes", "b.png: expected a whole picture, got 9 bytes"),
        ("expected 64x96 as annotated, got 96x64", "expected 32x48 as annotated, got 48x32"),
        ("expected a name of its own, got that of a/b.mp4", "expected a name of its own, got that of c.mp4"),
    ],
)
def test_reasons_that_differ_in_names_and_numbers_are_alike(first, second):
    assert kind_of(first) == kind_of(second)


def test_other_reasons_are_not_alike():
    reasons = ["bbox: expected 4 numbers, got 3", "area: expected a number, got 3", "expected JSON", "expected text"]
    assert len({kind_of(reason) for reason in reasons}) == len(reasons)


def test_groups_hold_their_count_and_name_a_repeated_source_once():
    rows = [
        {"source": source, "location": location, "reason": f"expected a picture, got {number} bytes"}
        for number, (source, location) in enumerate([("a", "frame 1"), ("a", "frame 2"), ("b", ""), ("c", "frame 9")])
    ]
    [group] = grouped(rows)
    assert (group.count, group.locations) == (4, "a frame 1, frame 2, b and 1 more")
    assert group.sentence == "rejected 4 alike, a frame 1, frame 2, b and 1 more: expected a picture, got 0 bytes"
    [single] = grouped(rows[:1])
    assert single.sentence == "rejected a frame 1: expected a picture, got 0 bytes"
