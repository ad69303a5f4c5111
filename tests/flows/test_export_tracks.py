"""The tracks of a finished run, written in other formats afterwards."""

import json
from pathlib import Path

import pandas as pd
import pytest

from flows.cli import app, guarded
from tasks.out_folder import claim_out_folder
from tasks.params.loading import load_params
from tasks.tables.schemas import MERGED_TRACKS, TRACKS
from tests.tasks.tracked_corpus import FRAMES_OF_VIDEO, Corpus

ROOT = Path(__file__).parents[2]


@pytest.fixture
def finished(tmp_path):
    """An out folder of a run on two bare videos, of which one has merged tracks, and an annotated one."""
    out = claim_out_folder(tmp_path / "run")
    corpus = Corpus(out)
    corpus.add_bare("street")
    corpus.add_bare("yard")
    corpus.add("000001_mpii_test")
    corpus.track(TRACKS, "street", ids=lambda frame: (frame, 9))
    corpus.track(MERGED_TRACKS, "street")
    for name in ("yard", "000001_mpii_test"):
        corpus.track(TRACKS, name, ids=lambda frame: (1, 2))
    params = load_params(ROOT / "params.yaml")
    corpus.run("export", params)
    record = {"corpus": str(corpus.workspace.data), "params": params.model_dump(mode="json")}
    (corpus.workspace.artifacts / "request.json").write_text(json.dumps(record))
    return corpus


def export(*arguments):
    return guarded(lambda: app(["export", *map(str, arguments)]))


def test_one_format_gives_one_file_for_each_video_with_its_merged_tracks(finished, tmp_path):
    out = tmp_path / "csv"
    assert export(tmp_path / "run", "--format", "csv", "--out", out) == 0
    assert sorted(path.name for path in out.glob("*.csv")) == ["000001_mpii_test.csv", "street.csv", "yard.csv"]
    table = pd.read_csv(out / "street.csv")
    assert table["frame"].nunique() == FRAMES_OF_VIDEO
    assert sorted(table["track_id"].unique()) == [7, 8]
    assert sorted(pd.read_csv(out / "yard.csv")["track_id"].unique()) == [1, 2]


def test_an_exported_file_is_explained_by_the_run_it_comes_from(finished, tmp_path, capsys):
    out = tmp_path / "csv"
    assert export(tmp_path / "run", "--format", "csv", "--out", out) == 0
    capsys.readouterr()
    assert guarded(lambda: app(["explain", str(out / "street.csv"), "--json"])) == 0
    answer = json.loads(capsys.readouterr().out)
    (source,) = answer["sources"]
    assert (answer["command"], answer["is_recorded"]) == ("export", True)
    assert source["title"] == str(tmp_path / "run")
    assert source["facts"]["seed"] == load_params(ROOT / "params.yaml").run.seed
    assert [part["stage"] for part in source["chain"]][-2:] == ["track", "merge"]
    assert guarded(lambda: app(["explain", str(out / "street.csv")])) == 0
    assert f"from {tmp_path / 'run'}" in capsys.readouterr().out


def test_several_formats_have_folders_of_their_own(finished, tmp_path):
    assert export(tmp_path / "run", "--format", "mot", "--format", "cvat", "--out", tmp_path / "both") == 0
    assert (tmp_path / "both" / "mot" / "street.txt").is_file()
    assert (tmp_path / "both" / "cvat" / "yard.xml").is_file()


def test_a_video_whose_annotations_are_gone_is_refused_alone(finished, tmp_path, capsys):
    (finished.workspace.data / "posetrack/annotations/val/000001_mpii_test.json").unlink()
    assert export(tmp_path / "run", "--format", "jsonl", "--out", tmp_path / "lines") == 3
    assert "000001_mpii_test: " in capsys.readouterr().err
    assert (tmp_path / "lines" / "street.jsonl").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected a run or --pred"),
        (("RUN", "--pred", "x"), "expected a run (with --format) or --pred, got both"),
        (("RUN",), "expected --format NAME, got none"),
        (("RUN", "--format", "xml"), "--format must be one of posetrack18, "),
        (("RUN", "--format", "csv", "--gt", "x"), "expected --pred too"),
        (("--pred", "x", "--format", "csv"), "expected a run, which it is the format of"),
    ],
)
def test_what_does_not_fit_together_is_refused(finished, tmp_path, capsys, arguments, message):
    named = [tmp_path / "run" if argument == "RUN" else argument for argument in arguments]
    assert export(*named, "--out", tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_help_names_every_format(capsys):
    from tasks.formats.track_formats import TRACK_FORMATS

    assert guarded(lambda: app(["export", "--help"])) == 0
    words = capsys.readouterr().out.replace(",", " ").replace(".", " ").split()
    assert set(TRACK_FORMATS) <= set(words)
