"""Every case of the founders against what the official evaluators answered, or where they ended with an error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.keypoints import POSEVAL_JOINTS
from tasks.scoring.run import Request, ScoreOutcome, score_folder

CASES = Path(__file__).parents[2] / "golden" / "poseval"
NAMES = sorted(path.name for path in CASES.iterdir())
TIED = {"12a_ties_all_equal"}
Same = Callable[[Any, Any], bool]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ScoreOutcome, Path]]:
    """Scores a case once and remembers it."""
    known: dict[str, tuple[ScoreOutcome, Path]] = {}

    def score(case: str) -> tuple[ScoreOutcome, Path]:
        if case not in known:
            out = tmp_path_factory.mktemp(case)
            known[case] = score_folder(Request(CASES / case / "gt", CASES / case / "pred", out, True)), out
        return known[case]

    return score


def expected(case: str, name: str = "expected") -> dict[str, Any]:
    path = CASES / case / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def written(out: Path, name: str) -> dict[str, Any] | None:
    path = out / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


@pytest.mark.parametrize("case", NAMES)
def test_ap_is_the_official_one(case: str, scored: Any, same: Same) -> None:
    official, ours = expected(case).get("ap"), written(scored(case)[1], "total_AP_metrics")
    assert (ours is None) == (official is None)
    if official and case not in TIED:
        assert all(same(ours[key], official[key]) for key in ("ap", "pre", "rec"))


@pytest.mark.parametrize("case", NAMES)
def test_mot_is_the_official_one(case: str, scored: Any, same: Same) -> None:
    official, ours = expected(case).get("mot"), written(scored(case)[1], "total_MOT_metrics")
    assert (ours is None) == (official is None)
    if official:
        assert all(same(ours[key], official[key]) for key in ("mota", "motp", "pre", "rec"))


@pytest.mark.parametrize("case", NAMES)
def test_counts_are_the_official_ones(case: str, scored: Any) -> None:
    official, ours = expected(case).get("mot_counts"), written(scored(case)[1], "counts")
    assert (ours is None) == (official is None)
    for name, values in (ours or {}).items():
        assert values == official[f"num_{name}"], name


@pytest.mark.parametrize("case", [name for name in NAMES if expected(name, "expected_hota")])
def test_hota_is_the_official_one(case: str, scored: Any, same: Same) -> None:
    official = expected(case, "expected_hota").get("mean_over_alpha_x100")
    outcome, out = scored(case)
    ours = written(out, "total_HOTA_metrics")
    assert (ours is None) == (official is None)
    if official:
        order = [*map(POSEVAL_JOINTS.index, expected(case, "expected_hota")["joint_order"][:15]), 15]
        assert list(ours) == list(official)
        assert all(same(ours[name], values[-1]) for name, values in official.items())
        assert all(same(outcome.totals.hota[name][order], values) for name, values in official.items())


@pytest.mark.parametrize("case", NAMES)
def test_each_sequence_is_the_official_one(case: str, scored: Any, same: Same) -> None:
    out = scored(case)[1]
    for sequence, kinds in expected(case).get("per_sequence", {}).items():
        for kind, official in kinds.items():
            ours = written(out, f"{sequence}_{kind}_metrics")
            keys = [key for key in official if key not in ("names", "ap" if case in TIED else "")]
            assert ours is not None
            assert all(same(ours[key], official[key]) for key in keys), (sequence, kind)
    for file, official in expected(case, "expected_hota").get("per_sequence_total", {}).items():
        ours = written(out, f"{file.removesuffix('.json')}_HOTA_metrics")
        assert ours is not None
        assert all(same(ours[name], value) for name, value in official.items()), file


def test_ties_lie_within_the_bounds_and_are_reported(scored: Any, same: Same) -> None:
    outcome, out = scored("12a_ties_all_equal")
    bounds = expected("12a_ties_all_equal")["ap_ties"]
    ap = written(out, "total_AP_metrics")["ap"]
    assert all(low <= value <= high for low, value, high in zip(bounds["worst"], ap, bounds["best"], strict=True))
    assert same(outcome.totals.ties.lowest, bounds["worst"])
    assert same(outcome.totals.ties.highest, bounds["best"])
    assert "score_ties" in {warning["code"] for warning in written(out, "warnings")["warnings"]}


@pytest.mark.parametrize("case", NAMES)
def test_only_files_with_ties_have_notices_of_ties(case: str, scored: Any) -> None:
    codes = {notice.code for notice in scored(case)[0].notices}
    assert ("score_ties" in codes) == (case in TIED)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("E1_duplicate_pred_track_id", ("pred/000002_mpii_test.json", "000000.jpg", "track_id", "10 twice")),
        ("E2_missing_pred_file", ("pred/000002_mpii_test.json", "prediction file")),
        ("E4_track_id_10000", ("pred/000001_mpii_test.json", "000000.jpg", "person 0", "track_id", "10000")),
        ("E5_missing_head_box", ("gt/000001_mpii_test.json", "000000.jpg", "person 0", "bbox_head", "nothing")),
        ("E8_scores_too_short", ("pred/000001_mpii_test.json", "000000.jpg", "person 0", "scores", "15 values")),
        ("E18_ignore_region_two_points", ("gt/000001_mpii_test.json", "000000.jpg", "ignore_regions", "got 2")),
        ("21_duplicate_gt_track_ids", ("gt/000001_mpii_test.json", "frame 0", "person 1", "track_id")),
        ("22_single_labeled_frame", ("gt/000002_mpii_test.json", "two annotated frames")),
    ],
)
def test_where_the_official_tool_crashes_a_message_names_the_location(case: str, words: Any, scored: Any) -> None:
    (message,) = {*scored(case)[0].totals.problems["mot"][:1]}
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("E11_annotation_of_unknown_image", "unknown_image_annotations"),
        ("E13_nan_coordinates", "nan_coordinates"),
        ("E20_is_labeled_false_with_annotations", "annotated_unlabelled_frames"),
        ("21_duplicate_gt_track_ids", "repeated_truth_ids"),
        ("08_empty_prediction_frames", "one_sided_frames"),
        ("29_posetrack17_format", "missing_scores"),
        ("E5_missing_head_box", "hota_undefined"),
    ],
)
def test_what_is_accepted_silently_is_reported(case: str, code: str, scored: Any) -> None:
    assert code in {notice.code for notice in scored(case)[0].notices}
