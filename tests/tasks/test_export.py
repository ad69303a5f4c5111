"""The stage export: one file per video, table and format."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from models.keypoints import BODY
from tasks.formats.coco_results import coco_results_of_posetrack18
from tasks.formats.posetrack_conversion import posetrack17_from_18
from tasks.formats.track_formats import TRACK_FORMATS
from tasks.params.export import ExportParams, FormatName
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.scoring.run import Request, score_folder
from tasks.tables.schemas import MERGED_TRACKS, TRACKS
from tests.tasks.tracked_corpus import FRAMES_OF_VIDEO, Corpus

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "000001_mpii_test"


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(REPOSITORY / "params.yaml")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = Corpus(tmp_path)
    corpus.add(NAME)
    corpus.track(TRACKS, NAME, ids=lambda frame: (7 + frame // 2, 20))
    corpus.track(MERGED_TRACKS, NAME)
    return corpus


def exported(corpus: Corpus, name: str, key: str = "tracking", video: str = NAME) -> Any:
    return json.loads((corpus.workspace.exports / name / key / f"{video}.json").read_text())


def with_formats(params: Params, *formats: str) -> Params:
    export = ExportParams(formats=list(formats), formats_without_annotations=list(formats))
    return params.model_copy(update={"export": export})


def test_every_format_has_a_file_of_each_video_and_table(corpus: Corpus, params: Params) -> None:
    corpus.run("export", with_formats(params, *TRACK_FORMATS))
    files = {path.relative_to(corpus.workspace.exports).as_posix() for path in corpus.workspace.exports.rglob("*.*")}
    names = {f"{name}/{{}}/{NAME}{form.ending}" for name, form in TRACK_FORMATS.items()}
    assert files == {name.format(key) for name in names for key in ("tracking", "merged")}


@pytest.mark.parametrize("key", ["tracking", "merged"])
@pytest.mark.parametrize("name", ["posetrack18", "posetrack17"])
def test_the_files_score_outside_the_pipeline_as_the_tables_do(
    corpus: Corpus, params: Params, tmp_path: Path, name: str, key: str
) -> None:
    corpus.run("export", params)
    corpus.run("score", params)
    truth = corpus.workspace.data / "posetrack" / "annotations" / "val"
    totals = score_folder(Request(truth, corpus.workspace.exports / name / key, tmp_path / "out")).totals
    assert totals.mot.mota[15] == corpus.metrics[key]["MOTA"]
    assert totals.ap.ap[15] == corpus.metrics[key]["mAP"]
    if name == "posetrack18":
        assert totals.hota["HOTA"][15] == corpus.metrics[key]["HOTA"]


def test_params_name_every_format_that_has_a_writer() -> None:
    assert sorted(get_args(FormatName)) == sorted(TRACK_FORMATS)


def test_the_formats_are_those_that_convert_makes_of_each_other(corpus: Corpus, params: Params) -> None:
    corpus.run("export", params)
    eighteen = exported(corpus, "posetrack18")
    assert exported(corpus, "posetrack17") == posetrack17_from_18("a", eighteen)
    assert exported(corpus, "coco") == coco_results_of_posetrack18("a", eighteen)


def test_keypoints_below_the_threshold_are_left_out(corpus: Corpus, params: Params) -> None:
    corpus.track(TRACKS, NAME, score=params.track.output_keypoint_threshold - 0.01)
    corpus.run("export", params)
    assert len(exported(corpus, "posetrack18")["images"]) == FRAMES_OF_VIDEO
    assert exported(corpus, "posetrack18")["annotations"] == []
    assert exported(corpus, "coco") == []
    assert [frame["annorect"] for frame in exported(corpus, "posetrack17")["annolist"]] == [[]] * FRAMES_OF_VIDEO


def test_only_the_15_body_keypoints_are_shown(corpus: Corpus, params: Params) -> None:
    corpus.run("export", params)
    keypoints = exported(corpus, "posetrack18")["annotations"][0]["keypoints"]
    assert [channel for channel in range(17) if keypoints[3 * channel + 2]] == sorted(BODY)


def test_training_videos_and_bare_videos_are_exported_in_every_format(corpus: Corpus, params: Params) -> None:
    corpus.add("000005_mpii_train", split="train")
    corpus.add_bare("street")
    for name in ("000005_mpii_train", "street"):
        corpus.track(TRACKS, name)
    progress = corpus.run("export", with_formats(params, *TRACK_FORMATS))
    for name in TRACK_FORMATS:
        assert {path.stem for path in (corpus.workspace.exports / name / "tracking").iterdir()} == {
            *(NAME, "000005_mpii_train", "street")
        }
    assert progress.rejects == []


def test_a_video_whose_annotations_are_gone_is_rejected_alone(corpus: Corpus, params: Params) -> None:
    lost = corpus.add("000003_mpii_test")
    corpus.track(TRACKS, "000003_mpii_test")
    lost.unlink()
    progress = corpus.run("export", params)
    assert [(reject["source"], reject["location"]) for reject in progress.rejects] == [("000003_mpii_test", "tracks")]
    assert str(corpus.workspace.data) not in progress.rejects[0]["reason"]
    assert exported(corpus, "posetrack18")["annotations"]


def test_files_of_an_earlier_run_do_not_stay(corpus: Corpus, params: Params) -> None:
    corpus.run("export", with_formats(params, "posetrack18", "coco"))
    corpus.run("export", with_formats(params, "coco"))
    assert [path.name for path in corpus.workspace.exports.rglob("*.json")] == [f"{NAME}.json"] * 2
    assert exported(corpus, "coco")


def test_an_unknown_format_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"'posetrack18', 'posetrack17', 'coco', .* or 'rerun'"):
        ExportParams(formats=["kitti"], formats_without_annotations=[])
