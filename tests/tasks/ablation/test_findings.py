"""Sentences on tables follow from the numbers in the rows, whichever way these point."""

import pytest

from tasks.ablation.findings import effect, findings


@pytest.mark.parametrize(
    ("with_it", "without_it", "sentence"),
    [
        (
            {"mAP": 10.0, "MOTA": -2.0, "IDSW": 12},
            {"mAP": 11.5, "MOTA": -2.5, "IDSW": 12},
            "It lowers mAP by 1.50 (11.50 to 10.00), raises MOTA by 0.50 (-2.50 to -2.00) and leaves the identity "
            "switches at 12.",
        ),
        ({"mAP": 10.0, "MOTA": None}, {"mAP": 9.0, "MOTA": 1.0}, "It raises mAP by 1.00 (9.00 to 10.00)."),
        ({"mAP": None}, {"mAP": None}, "It: no metric is defined."),
    ],
)
def test_an_effect_has_the_sign_of_its_numbers(with_it, without_it, sentence):
    assert effect("It", with_it, without_it) == sentence


def test_recovery_that_lowers_map_is_reported_so():
    rows = [
        {"output_keypoint_threshold": threshold, "poses": poses, "mAP": value, "MOTA": 1.0}
        for threshold, without, with_it in ((0.0, 20.0, 19.0), (0.3, 10.0, 9.0), (0.5, 5.0, 6.0))
        for poses, value in (("detected", without), ("detected and recovered", with_it))
    ]
    assert findings(3, rows, threshold=0.3) == [
        "Recovery of missed poses raises mAP at 1 and lowers it at 2 of 3 thresholds and raises MOTA at 0 and lowers "
        "it at 0 of 3 thresholds.",
        "At the threshold in use, 0.3, recovery lowers mAP by 1.00 (10.00 to 9.00) and leaves MOTA at 1.00.",
    ]


def test_refined_maps_that_find_less_than_siamese_ones_are_reported_so():
    rows = [
        {"method": method, "boxes": "detected", "MOTA": mota, "IDSW": switches}
        for method, mota, switches in (("OKS", -3.0, 7), ("Re-ID", 2.0, 9), ("Correspondences", -1.0, 7))
    ]
    standalone = [
        {"method": f"Correspondences, maps {letter}", "value": value} for letter, value in (("S", 0.7), ("C", 0.6))
    ]
    assert findings(2, rows, standalone, threshold=0.3) == [
        "With detected boxes, correspondences have -1.00 of MOTA, above OKS (-3.00), below Re-ID (2.00); and "
        "7 identity switches, fewer than Re-ID (9), as many as OKS (7).",
        "The refined maps C find 60.0 % of the warped keypoints, fewer than the maps S (70.0 %).",
    ]


def test_a_table_without_rows_shows_nothing():
    assert [findings(number, [], threshold=0.3) for number in range(2, 8)] == [[]] * 6
