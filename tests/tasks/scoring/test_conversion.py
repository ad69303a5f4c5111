"""PoseTrack17, PoseTrack18 and COCO results: scores are equal before and after, or the records that stand in the way
are listed."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from flows.cli.scoring import register
from tasks.errors import InputError
from tasks.formats.coco_results import posetrack18_of_coco_results
from tasks.formats.folder_conversion import convert_folder
from tasks.formats.json_files import load_json
from tasks.formats.posetrack_conversion import ConversionError, posetrack17_from_18, posetrack18_from_17
from tasks.formats.submission import export_submission
from tasks.scoring.run import Request, score_folder

CASES = Path(__file__).parents[2] / "golden" / "poseval"
SCORED = sorted(path.parent.name for path in CASES.glob("*/expected.json") if '"mot":' in path.read_text())
IN_18 = [name for name in SCORED if name != "29_posetrack17_format" and not name.startswith("E11")]
NAME = "000001_mpii_test"


def results(folder: Path, out: Path) -> list[Any]:
    """Contents of the three total files."""
    score_folder(Request(folder / "gt", folder / "pred", out))
    return [json.loads(path.read_text()) for path in sorted(out.glob("total_*.json"))]


def convert_case(source: Path, out: Path, target: Any) -> Path:
    for side in ("gt", "pred"):
        assert not convert_folder(source / side, out / side, target=target).refused
    return out


@pytest.mark.parametrize("case", IN_18)
def test_to_17_and_back_keeps_every_score(case: str, tmp_path: Path, same: Any) -> None:
    seventeen = convert_case(CASES / case, tmp_path / "17", "posetrack17")
    eighteen = convert_case(seventeen, tmp_path / "18", "posetrack18")
    before = results(CASES / case, tmp_path / "a")
    for folder in (seventeen, eighteen):
        after = results(folder, tmp_path / f"out{folder.name}")
        for ours, theirs in zip(after, before, strict=True):
            assert all(same(ours[name], theirs[name]) for name in theirs if name != "names")


def test_from_17_keeps_every_score(tmp_path: Path, same: Any) -> None:
    eighteen = convert_case(CASES / "29_posetrack17_format", tmp_path / "18", "posetrack18")
    pairs = zip(
        results(eighteen, tmp_path / "b"), results(CASES / "29_posetrack17_format", tmp_path / "a"), strict=True
    )
    for ours, theirs in pairs:
        assert all(same(ours[name], theirs[name]) for name in theirs if name != "names")


def test_annotations_of_other_categories_are_left_out_and_reported(tmp_path: Path, world_class: Any) -> None:
    data = world_class.posetrack18(NAME, [[world_class.person(0, 50)], [world_class.person(0, 60)]])
    data["categories"].append({"id": 2, "name": "horse"})
    data["annotations"].append({"image_id": 0, "category_id": 2, "bbox": [1, 2, 3, 4]})
    (tmp_path / "in.json").write_text(json.dumps(data))
    for target, count in (("coco", 1), ("posetrack17", 1), ("posetrack18", 0)):
        converted = convert_folder(tmp_path / "in.json", tmp_path / target, target=target)
        assert len(converted.left_out) == count
        assert converted.refused == ()
    assert len(load_json(tmp_path / "coco/in.json")) == 2


def test_each_side_may_have_its_own_format(tmp_path: Path, same: Any) -> None:
    case = CASES / "14_ignore_regions"
    before = results(case, tmp_path / "a")
    for side, other in (("gt", "pred"), ("pred", "gt")):
        mixed = tmp_path / side
        convert_folder(case / side, mixed / side, target="posetrack17")
        (mixed / other).symlink_to(case / other)
        for ours, theirs in zip(results(mixed, tmp_path / f"out-{side}"), before, strict=True):
            assert all(same(ours[name], theirs[name]) for name in theirs if name != "names")


def test_permuted_names_are_followed(world: Any, same: Any) -> None:
    frames = [[world.person(0, 50 + index, score=0.9 - 0.1 * index)] for index in range(3)]
    data = world.posetrack18(NAME, frames)
    names = data["categories"][0]["keypoints"]
    data["categories"][0]["keypoints"] = names[::-1]
    turned = posetrack18_from_17("x", posetrack17_from_18("x", data))
    assert turned["categories"][0]["keypoints"] == names
    before, after = (entry["annotations"][0]["keypoints"] for entry in (data, turned))
    channel = names.index("right_ankle")
    assert before[::-1][-1] == before[0]
    assert after[3 * channel : 3 * channel + 2] == before[:2]


def seventeen(world: Any) -> dict[str, Any]:
    return posetrack17_from_18("x", world.posetrack18(NAME, [[world.person(0, 50)], [world.person(1, 90)]]))


LACKING_18: list[tuple[str, Callable[[list[Any]], object], str]] = [
    ("no track_id", lambda frames: frames[0]["annorect"][0].pop("track_id"), "person 0: no track_id"),
    ("strange name", lambda frames: frames[0]["image"][0].update(name="a.jpg"), "a.jpg"),
    ("two videos", lambda frames: frames[0]["image"][0].update(name="v/000009_mpii_test/000000.jpg"), "several videos"),
    ("a frame twice", lambda frames: frames.append(frames[0]), "occurs 2 times"),
    ("joint twice", lambda f: f[0]["annorect"][0]["annopoints"][0]["point"][3].update(id=[0]), "right_ankle twice"),
    ("unknown joint", lambda f: f[0]["annorect"][0]["annopoints"][0]["point"][3].update(id=[15]), "unknown joint id"),
    ("no points", lambda frames: frames[0]["annorect"][0].pop("annopoints"), "no annopoints"),
]


@pytest.mark.parametrize(("change", "words"), [row[1:] for row in LACKING_18], ids=[row[0] for row in LACKING_18])
def test_what_posetrack18_cannot_carry_is_listed(world: Any, change: Any, words: str) -> None:
    data = seventeen(world)
    change(data["annolist"])
    with pytest.raises(ConversionError, match=r"records cannot be stored in PoseTrack18") as caught:
        posetrack18_from_17("x.json", data)
    assert any(words in record for record in caught.value.records)


def test_what_posetrack17_cannot_carry_is_listed(world: Any) -> None:
    data = world.posetrack18(NAME, [[world.person(0, 50)], [world.person(1, 90)]])
    data["annotations"][0]["image_id"] = 77
    data["images"][1]["file_name"] = "v/000009_mpii_test/000001.jpg"
    with pytest.raises(ConversionError, match="PoseTrack17") as caught:
        posetrack17_from_18("x.json", data)
    assert len(caught.value.records) == 2


def test_a_rectangle_without_points_beside_others_is_left_out(world: Any) -> None:
    data = seventeen(world)
    data["annolist"][0]["annorect"].append({"track_id": [9]})
    assert len(posetrack18_from_17("x", data)["annotations"]) == 2


def test_missing_scores_and_joints_at_the_origin_survive(world: Any) -> None:
    data = seventeen(world)
    points = data["annolist"][0]["annorect"][0]["annopoints"][0]["point"]
    points[0].update(score=[0.5], x=[0], y=[0], is_visible=[0])
    again = posetrack17_from_18("x", posetrack18_from_17("x", data))
    first = again["annolist"][0]["annorect"][0]["annopoints"][0]["point"]
    origin = next(point for point in first if point["id"] == points[0]["id"])
    assert (origin["x"], origin["y"], origin["score"]) == ([0], [0], [0.5])
    assert sum("score" in point for point in first) == 1
    assert len(first) == len(points)


def test_head_boxes_keep_their_last_bit(world: Any) -> None:
    data = seventeen(world)
    data["annolist"][0]["annorect"][0].update(x1=[0.1], x2=[0.3], y1=[100.7], y2=[131.9])
    rect = posetrack17_from_18("x", posetrack18_from_17("x", data))["annolist"][0]["annorect"][0]
    assert (rect["x2"], rect["y2"]) == ([0.3], [131.9])


def test_coco_results_and_back_keep_every_score(tmp_path: Path, same: Any) -> None:
    case = CASES / "04_id_switches"
    convert_folder(case / "pred", tmp_path / "coco", target="coco")
    merged = [entry for path in sorted((tmp_path / "coco").glob("*.json")) for entry in json.loads(path.read_text())]
    (tmp_path / "results.json").write_text(json.dumps(merged))
    back = convert_folder(tmp_path / "results.json", tmp_path / "w" / "pred", target="posetrack18", images=case / "gt")
    assert len(back.written) == 3
    (tmp_path / "w" / "gt").symlink_to(case / "gt")
    for ours, theirs in zip(results(tmp_path / "w", tmp_path / "b"), results(case, tmp_path / "a"), strict=True):
        assert all(same(ours[name], theirs[name]) for name in theirs if name != "names")


def test_coco_results_load_in_pycocotools(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    case = CASES / "04_id_switches"
    convert_folder(case / "pred", tmp_path, target="coco")
    truth = load_json(case / "gt" / f"{NAME}.json")
    (tmp_path / "images.json").write_text(
        json.dumps({"images": truth["images"], "annotations": [], "categories": [{"id": 1, "name": "person"}]})
    )
    coco = COCO(str(tmp_path / "images.json"))
    assert len(coco.loadRes(str(tmp_path / f"{NAME}.json")).anns) == len(
        json.loads((tmp_path / f"{NAME}.json").read_text())
    )


def test_results_without_tracks_get_an_identity_per_person() -> None:
    entry = {"image_id": 4, "category_id": 1, "keypoints": [1.0, 2.0, 0.5] * 17, "score": 0.9}
    data = posetrack18_of_coco_results("r", [entry, entry, {**entry, "image_id": 5}], [{"id": 4, "file_name": "f"}])
    assert [it["track_id"] for it in data["annotations"]] == [0, 1]
    assert data["annotations"][0]["scores"] == [0.5] * 17
    assert data["annotations"][0]["keypoints"][9:15] == [0] * 6  # the placeholders for ears


def test_coco_results_need_their_images(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("[]")
    assert "--images" in convert_folder(tmp_path / "r.json", tmp_path / "out", target="posetrack18").refused[0]


def test_one_refused_file_does_not_stop_the_others(world: Any) -> None:
    good = seventeen(world)
    bad = json.loads(json.dumps(good))
    bad["annolist"][0]["annorect"][0].pop("track_id")
    for name, value in (("a", bad), ("b", good)):
        world.write_json("in", name, value)
    app = Typer()
    register(app)
    target = str(world.folder / "new")
    result = CliRunner().invoke(app, ["convert", str(world.folder / "in"), "--to", "posetrack18", "--out", target])
    assert result.exit_code == 3
    assert "no track_id" in result.stderr
    assert [path.name for path in (world.folder / "new").glob("*.json")] == ["b.json"]


def test_conversion_never_overwrites_its_source(world: Any) -> None:
    world.write("gt", NAME, [[world.person(0, 50)]])
    with pytest.raises(InputError, match="expected a folder apart from the input"):
        convert_folder(world.folder / "gt", world.folder / "gt", target="posetrack17")


def write_submission(world: Any, **changes: Any) -> None:
    for side in ("gt", "pred"):
        frames = [[world.person(0, 50 + index, score=0.9)] for index in range(2)]
        data = world.posetrack18(NAME, frames)
        if side == "pred":
            data["annotations"][0].update(changes)
        world.write_json(side, NAME, data)


def test_a_submission_holds_one_json_per_sequence_and_equal_bytes(world: Any) -> None:
    write_submission(world)
    archives = [world.folder / f"{index}.zip" for index in range(2)]
    for archive in archives:
        assert export_submission(world.folder / "pred", archive, truth=world.folder / "gt") == 1
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with zipfile.ZipFile(archives[0]) as pack:
        assert pack.namelist() == [f"{NAME}.json"]
        assert len(json.loads(pack.read(f"{NAME}.json"))["annotations"]) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scores": [0.5] * 3}, "scores"),
        ({"track_id": 10000}, "below 10000"),
        ({"keypoints": [float("nan")] * 51}, "finite"),
        ({"note": float("nan")}, "finite"),
    ],
)
def test_a_bad_submission_is_not_written(world: Any, changes: dict[str, Any], words: str) -> None:
    write_submission(world, **changes)
    with pytest.raises(InputError, match=words):
        export_submission(world.folder / "pred", world.folder / "out.zip", truth=world.folder / "gt")
    assert not list(world.folder.glob("*.zip"))


def test_a_submission_with_other_images_is_refused(world: Any) -> None:
    write_submission(world)
    data = load_json(world.folder / "pred" / f"{NAME}.json")
    data["images"].reverse()
    world.write_json("pred", NAME, data)
    with pytest.raises(InputError, match=r"images\[0\]"):
        export_submission(world.folder / "pred", world.folder / "out.zip", truth=world.folder / "gt")


@pytest.mark.parametrize("content", [b"a letter", b""])
def test_export_replaces_its_own_archives_alone(world: Any, content: bytes) -> None:
    person = [world.person(0, 50, score=0.5)]
    world.write("pred", NAME, [person])
    archive = world.folder / "val.zip"
    export_submission(world.folder / "pred", archive)
    first = archive.read_bytes()
    export_submission(world.folder / "pred", archive)
    assert archive.read_bytes() == first
    archive.write_bytes(content)
    with pytest.raises(InputError, match="expected no file or an earlier export"):
        export_submission(world.folder / "pred", archive)
    assert archive.read_bytes() == content


@pytest.mark.parametrize("command", ["score", "convert"])
def test_a_folder_with_files_of_the_user_is_refused(world: Any, command: str, tmp_path: Path) -> None:
    for side in ("gt", "pred"):
        world.write(side, NAME, [[world.person(0, 50, score=0.5)]])
    mine = world.folder / "out" / f"{NAME}.json"
    mine.parent.mkdir()
    mine.write_text("of the user")
    with pytest.raises(InputError, match="expected a new or empty folder"):
        if command == "score":
            world.score()
        else:
            convert_folder(world.folder / "gt", world.folder / "out", target="posetrack17")
    assert mine.read_text() == "of the user"
