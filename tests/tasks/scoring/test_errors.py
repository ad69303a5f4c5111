"""Broken files, one row each: where the official tool crashes or accepts nonsense, ours says what and where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from flows.cli.scoring import register

Change = Callable[[dict[str, Any]], object]
NAME = "000001_mpii_test"


def frames(world: Any, count: int = 4) -> list[list[dict[str, Any]]]:
    return [[world.person(0, 50 + index, score=0.9), world.person(1, 400 + index, score=0.8)] for index in range(count)]


def write_pair(world: Any, *, truth: Change | None = None, predicted: Change | None = None) -> None:
    for side, change in (("gt", truth), ("pred", predicted)):
        value = world.posetrack18(NAME, frames(world))
        if change:
            change(value)
        world.write_json(side, NAME, value)


ONE_POINT = {"ignore_regions_x": [[1]], "ignore_regions_y": [[1]]}
CRASHES: list[tuple[str, str, Change, tuple[str, ...]]] = [
    ("no track_id", "gt", lambda d: d["annotations"][2].pop("track_id"), ("person 2", "track_id", "nothing")),
    ("text as track_id", "pred", lambda d: d["annotations"][1].update(track_id="a"), ("person 1", "track_id", '"a"')),
    ("huge track_id", "pred", lambda d: d["annotations"][1].update(track_id=1e9), ("person 1", "track_id")),
    ("NaN as track_id", "gt", lambda d: d["annotations"][1].update(track_id=float("nan")), ("person 1", "track_id")),
    ("no categories", "pred", lambda d: d.pop("categories"), ("categories", "nothing")),
    ("two categories", "pred", lambda d: d["categories"].append({}), ("categories",)),
    ("16 keypoint names", "gt", lambda d: d["categories"][0]["keypoints"].pop(), ("categories",)),
    ("other names", "gt", lambda d: d["categories"][0].update(keypoints=["a"] * 17), ("right_ankle",)),
    ("50 numbers", "pred", lambda d: d["annotations"][3]["keypoints"].pop(), ("person 3", "keypoints", "50 values")),
    ("text among numbers", "pred", lambda d: d["annotations"][3]["keypoints"].__setitem__(4, "x"), ("person 3",)),
    ("null among numbers", "gt", lambda d: d["annotations"][3]["keypoints"].__setitem__(4, None), ("person 3",)),
    ("no keypoints", "gt", lambda d: d["annotations"][3].pop("keypoints"), ("person 3", "keypoints")),
    ("16 scores", "pred", lambda d: d["annotations"][0]["scores"].pop(), ("person 0", "scores", "16 values")),
    ("flat head box", "gt", lambda d: d["annotations"][0].update(bbox_head=[1, 2]), ("person 0", "bbox_head")),
    ("strange directory", "gt", lambda d: d["images"][1].update(file_name="a/b/000001.jpg"), ("file_name", "a/b")),
    ("unknown source", "pred", lambda d: d["images"][1].update(file_name="v/01_x_y/000001.jpg"), ("file_name",)),
    ("frame 10000", "gt", lambda d: d["images"][1].update(file_name="v/01_mpii_y/10000.jpg"), ("10000.jpg",)),
    ("no file_name", "gt", lambda d: d["images"][1].pop("file_name"), ("file_name",)),
    ("no image id", "gt", lambda d: d["images"][1].pop("id"), ("images[1]", "id")),
    ("no images", "pred", lambda d: d["images"].clear(), ("images",)),
    ("fewer frames", "pred", lambda d: d["images"].pop(), ("4 frames", "got 3")),
    ("images no list", "pred", lambda d: d.update(images={}), ("images", "list")),
    ("an image is a number", "pred", lambda d: d["images"].__setitem__(1, 3), ("images[1]", "got 3")),
    ("no annotations", "pred", lambda d: d.pop("annotations"), ("annotations", "nothing")),
    ("no image_id", "pred", lambda d: d["annotations"][1].pop("image_id"), ("person 1", "image_id")),
    (
        "region of one point",
        "gt",
        lambda d: d["images"][2].update(ONE_POINT),
        ("000002.jpg", "ignore_regions", "got 1"),
    ),
    ("regions are numbers", "gt", lambda d: d["images"][2].update(ignore_regions_x=3), ("ignore_regions",)),
]


@pytest.mark.parametrize(("side", "change", "words"), [row[1:] for row in CRASHES], ids=[row[0] for row in CRASHES])
def test_one_message_names_the_location_and_no_number_is_written(
    world: Any, side: str, change: Change, words: Any
) -> None:
    write_pair(world, **{"truth" if side == "gt" else "predicted": change})
    outcome = world.score()
    (message,) = outcome.totals.problems["ap"]
    assert all(word in message for word in (f"{side}/{NAME}.json", *words)), message
    assert not outcome.is_complete
    assert not (world.folder / "out" / "total_AP_metrics.json").exists()
    assert not (world.folder / "out" / "total_MOT_metrics.json").exists()


ODDITIES: list[tuple[str, str, Change, str]] = [
    ("reversed images", "pred", lambda d: d["images"].reverse(), "frame_names_differ"),
    ("NaN score", "pred", lambda d: d["annotations"][0]["scores"].__setitem__(0, float("nan")), "nan_scores"),
    (
        "NaN coordinate",
        "gt",
        lambda d: d["annotations"][0]["keypoints"].__setitem__(0, float("nan")),
        "nan_coordinates",
    ),
    ("no scores", "pred", lambda d: d["annotations"][0].pop("scores"), "missing_scores"),
    ("negative id", "pred", lambda d: d["annotations"][0].update(track_id=-3), "odd_track_ids"),
    ("fractional id", "gt", lambda d: d["annotations"][0].update(track_id=0.5), "odd_track_ids"),
    ("unknown image", "gt", lambda d: d["annotations"].append({"image_id": 77}), "unknown_image_annotations"),
    ("flat head", "gt", lambda d: d["annotations"][0].update(bbox_head=[1, 2, 0, 0]), "degenerate_heads"),
    ("unlabelled", "gt", lambda d: d["images"][1].update(is_labeled=False), "annotated_unlabelled_frames"),
    ("identity twice", "gt", lambda d: d["annotations"][7].update(track_id=0), "repeated_truth_ids"),
    ("no regions", "gt", lambda d: d["images"][1].pop("ignore_regions_x"), "absent_ignore_regions"),
    ("labelled and empty", "gt", lambda d: d["annotations"].__delitem__(slice(2)), "hota_undefined"),
]


@pytest.mark.parametrize(("side", "change", "code"), [row[1:] for row in ODDITIES], ids=[row[0] for row in ODDITIES])
def test_what_the_official_tool_accepts_is_scored_and_reported(
    world: Any, side: str, change: Change, code: str
) -> None:
    write_pair(world, **{"truth" if side == "gt" else "predicted": change})
    outcome = world.score()
    assert outcome.is_complete
    assert code in world.codes()


def with_horses(data: dict[str, Any]) -> None:
    """Make every file one of two categories, with a horse in every frame that has neither head nor keypoints."""
    data["categories"].append({"id": 2, "name": "horse", "keypoints": ["left_eye", "right_eye"]})
    for person in data["annotations"]:
        person["category_id"] = 1
    data["annotations"] += [
        {"image_id": image["id"], "category_id": "2", "bbox": [1, 2, 3, 4]} for image in data["images"]
    ]


@pytest.mark.parametrize("sides", [("truth",), ("predicted",), ("truth", "predicted")])
def test_annotations_of_other_categories_change_no_score_and_are_reported(world: Any, sides: tuple[str, ...]) -> None:
    write_pair(world)
    before = world.score(corrected=True)
    write_pair(world, **dict.fromkeys(sides, with_horses))
    outcome = world.score(corrected=True)
    assert outcome.is_complete
    assert outcome.totals.problems == before.totals.problems
    assert outcome.totals.mot is not None
    assert np.array_equal(outcome.totals.mot.mota, before.totals.mot.mota, equal_nan=True)
    assert np.array_equal(outcome.totals.ap.ap, before.totals.ap.ap, equal_nan=True)
    assert sum(notice.code == "other_categories" for notice in outcome.notices) == len(sides)


def test_the_second_video_of_a_file_is_reported(world: Any) -> None:
    def move(data: dict[str, Any]) -> None:
        data["images"][3]["file_name"] = "images/val/000009_mpii_test/000003.jpg"

    write_pair(world, truth=move, predicted=move)
    assert world.score().is_complete
    assert "several_videos" in world.codes()


def test_a_video_without_official_names_is_scored_as_if_it_had_them(world: Any) -> None:
    def rename(data: dict[str, Any]) -> None:
        for number, image in enumerate(data["images"]):
            image["file_name"] = f"pictures/street/frame_{number}.jpg"

    def lose(data: dict[str, Any]) -> None:
        data["annotations"].pop()

    write_pair(world, predicted=lose)
    assert world.score().is_complete
    results = [world.result(name) for name in ("total_AP_metrics", "total_MOT_metrics", "counts")]
    write_pair(world, truth=rename, predicted=lambda data: (lose(data), rename(data)))
    assert world.score().is_complete
    assert [world.result(name) for name in ("total_AP_metrics", "total_MOT_metrics", "counts")] == results
    assert "foreign_frame_names" in world.codes()


def test_absent_regions_count_as_none_for_hota(world: Any, same: Any) -> None:
    write_pair(world)
    world.score()
    with_regions = world.result("total_HOTA_metrics")
    write_pair(world, truth=lambda d: [image.pop("ignore_regions_y") for image in d["images"]])
    world.score()
    assert same(list(world.result("total_HOTA_metrics").values()), list(with_regions.values()))


def test_extra_prediction_files_are_passed_over_and_reported(world: Any) -> None:
    write_pair(world)
    world.write("pred", "000009_mpii_test", frames(world))
    assert world.score().is_complete
    assert "extra_prediction_files" in world.codes()


def test_an_earlier_result_does_not_outlive_its_metric(world: Any) -> None:
    write_pair(world)
    world.score()
    write_pair(world, predicted=lambda d: d["annotations"][0].pop("track_id"))
    world.score()
    assert not list((world.folder / "out").glob("total_*_metrics.json"))


@pytest.fixture
def run(world: Any) -> Callable[..., Any]:
    app = Typer(pretty_exceptions_enable=False)
    register(app)

    def invoke(*extra: str) -> Any:
        sides = ["--gt", str(world.folder / "gt"), "--pred", str(world.folder / "pred")]
        return CliRunner().invoke(app, ["score", *sides, "--out", str(world.folder / "out"), *extra])

    return invoke


def test_exit_0_and_a_table(world: Any, run: Any) -> None:
    write_pair(world)
    result = run()
    assert result.exit_code == 0
    assert "MOTA" in result.stdout
    assert "FA-HOTA" in result.stdout


def test_exit_2_if_mot_is_missing_and_ap_is_written(world: Any, run: Any) -> None:
    for side in ("gt", "pred"):
        world.write(side, NAME, frames(world, 1))
    result = run()
    assert result.exit_code == 2
    assert "no MOT" in result.stderr
    assert (world.folder / "out" / "total_AP_metrics.json").exists()
    assert not (world.folder / "out" / "counts.json").exists()


def test_exit_0_with_a_warning_if_only_hota_is_missing(world: Any, run: Any) -> None:
    write_pair(world, truth=lambda d: d["images"][0].pop("is_labeled"))
    result = run()
    assert result.exit_code == 0
    assert "no HOTA" in result.stderr
    assert not (world.folder / "out" / "total_HOTA_metrics.json").exists()


def test_hota_can_be_left_out(world: Any, run: Any) -> None:
    write_pair(world)
    assert run("--no-hota").exit_code == 0
    assert not (world.folder / "out" / "total_HOTA_metrics.json").exists()
    assert not world.codes()


def test_latex_prints_the_columns_of_the_paper(world: Any, run: Any) -> None:
    write_pair(world)
    out = run("--latex").stdout
    assert r"Head & Shoulder & Elbow & Wrist & Hip & Knee & Ankle & mAP \\" in out
    assert r"Ours & 100.0 & 100.0 & 0 \\" in out


def test_the_corrected_protocol_stands_beside_the_official_one(world: Any, run: Any) -> None:
    write_pair(world, predicted=lambda d: d["annotations"].__setitem__(slice(None), d["annotations"][:6]))
    run("--protocol", "corrected")
    assert {"corrected_mota", "corrected_motp", "names"} < set(world.result("corrected_MOT_metrics"))
    assert world.result("counts")["objects"][0] == 6  # the last frame is not counted
    assert world.result("corrected_counts")["objects"][0] == 8
    assert world.result("corrected_counts")["misses"][0] == 2
    assert world.result("corrected_HOTA_metrics")["corrected_DetRe"] == pytest.approx(75.0)
    assert world.result("total_HOTA_metrics")["DetRe"] == pytest.approx(100 * 6 / 14)  # 8 misses for one empty frame


def test_ties_of_scores_are_reported_only_where_they_matter(world: Any) -> None:
    write_pair(world)
    world.score()
    assert "score_ties" not in world.codes()


def test_verification_reports_that_poseval_is_absent(world: Any, run: Any) -> None:
    from tasks.scoring.verification import poseval_is_installed

    if poseval_is_installed():
        pytest.skip("poseval is installed")
    write_pair(world)
    assert "not installed" in run("--verify").stdout


def test_official_poseval_agrees(world: Any, run: Any) -> None:
    from tasks.scoring.verification import poseval_is_installed

    if not poseval_is_installed():
        pytest.skip("the official poseval package is not installed (it is on no registry)")
    write_pair(world)
    lines = run("--verify").stdout.splitlines()
    assert [float(line.rsplit(" ", 1)[1]) < 1e-9 for line in lines if "largest difference" in line] == [True] * 7


def test_nan_is_written_bare_and_read_back(world: Any) -> None:
    write_pair(world, truth=lambda d: d["annotations"].clear())
    assert world.score().is_complete
    assert "NaN" in (world.folder / "out" / "total_MOT_metrics.json").read_text()
    assert json.loads((world.folder / "out" / "total_AP_metrics.json").read_text())["ap"][15] == 0


def test_a_file_instead_of_the_out_folder_is_reported(world: Any) -> None:
    from tasks.errors import InputError

    write_pair(world)
    (world.folder / "out").write_text("")
    with pytest.raises(InputError, match="--out"):
        world.score()


@pytest.mark.parametrize("side", ["gt", "pred"])
def test_a_missing_folder_is_reported(world: Any, side: str, tmp_path: Path) -> None:
    from tasks.errors import InputError

    world.write("pred" if side == "gt" else "gt", NAME, frames(world))
    with pytest.raises(InputError, match=f"--{side}"):
        world.score()


def test_large_sequences_are_walked_in_blocks_with_the_same_result(world: Any, monkeypatch: Any, same: Any) -> None:
    from models.metrics import sequence

    write_pair(world)
    world.score()
    whole = [world.result(name) for name in ("total_AP_metrics", "total_MOT_metrics", "total_HOTA_metrics")]
    monkeypatch.setattr(sequence, "_BLOCK_CELLS", 1)
    world.score()
    for name, before in zip(("total_AP_metrics", "total_MOT_metrics", "total_HOTA_metrics"), whole, strict=True):
        after = world.result(name)
        assert all(same(after[key], before[key]) for key in before if key != "names")
