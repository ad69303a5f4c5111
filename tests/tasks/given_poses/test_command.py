"""`corrtrack evaluate-tracking` from the command line: tables, JSON, out folder, exit codes."""

import json
import shutil

import pytest
import torch
import typer
from typer.testing import CliRunner

from flows.cli.tracking import evaluate_tracking
from flows.runtime.repository import Repository
from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.given_poses.comparison import METHODS


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def run(scene):
    made = scene()
    app = typer.Typer()
    app.command()(evaluate_tracking)
    words = ["--poses", str(made.write_poses()), "--annotations", str(made.write_boxes())]
    return lambda *more: CliRunner().invoke(app, [*words, *more])


def test_a_table_for_each_stride_and_the_thresholds_in_use(run, params):
    result = run("--stride", "1,2")
    assert result.exit_code == 0, result.output
    assert "every frame (frames 8, poses 16" in result.output
    assert "1 of 2 frames (frames 4, poses 8" in result.output
    assert f"track.tau_corr {params.track.tau_corr}" in result.output
    assert "without --video only OKS is measured" in result.output


def test_a_profile_and_settings_give_the_thresholds_of_this_run_only(run):
    before = (REPOSITORY / "params.yaml").read_bytes()
    shown = json.loads(
        run("--stride", "1", "--json", "--profile", "small_real", "--set", "track.min_track_frames=1").stdout
    )
    assert (shown["thresholds"]["track.tau_corr"], shown["thresholds"]["recover.frame_size_px"]) == (0.3, 512)
    assert shown["thresholds"]["track.min_track_frames"] == 1
    assert (REPOSITORY / "params.yaml").read_bytes() == before


def test_the_starting_weights_are_taken_and_reported_in_any_folder(run, scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flows.cli.tracking.nearest_repository", lambda: Repository(tmp_path / "untrained"))
    (tmp_path / "untrained").mkdir()
    shutil.copy(REPOSITORY / "params.yaml", tmp_path / "untrained")
    result = run("--video", str(scene().write_video()), "--stride", "4", "--json", "--set", "recover.frame_size_px=64")
    assert result.exit_code == 0, result.output
    assert {row["method"] for row in json.loads(result.stdout)["rows"]} == set(METHODS)
    assert "the networks: the starting weights of models/weights" in result.stderr


def test_json_on_the_screen_and_in_the_out_folder(run, tmp_path):
    result = run("--stride", "2", "--json", "--out", str(tmp_path / "out"))
    shown = json.loads(result.stdout)
    assert shown == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert shown["rows"][0] | {"stride": 2, "method": "OKS", "IDSW": 0, "IDF1": 100.0} == shown["rows"][0]


def test_poses_that_cannot_be_placed_end_with_exit_code_3(run, scene):
    scene(count=6).write_boxes()
    assert run("--stride", "1").exit_code == 3


def test_bad_input_is_one_error(run):
    result = run("--video", "nowhere")
    assert isinstance(result.exception, InputError)
    assert "--video nowhere: expected a video file or a folder of pictures, got nothing" in str(result.exception)
