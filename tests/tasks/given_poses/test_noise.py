"""True poses made worse: draws with known properties, scenes with written answers, and the command."""

import json

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from flows.cli.noise import evaluate_noise as command
from models.tracking.association import Tracks
from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.given_poses.networks import load_networks
from tasks.given_poses.noise import NoiseSettings, evaluate_noise
from tasks.given_poses.true_poses import Disturbance, TruePoses, person_switches, true_poses
from tasks.given_poses.truth import read_truth


@pytest.fixture
def corpus(tmp_path, scene):
    """A corpus of one validation video, laid out like data/."""

    def make(*, frames=None, **options):
        made, root = scene(**options), tmp_path / "data" / "posetrack"
        target = root / "annotations" / "val" / "a.json"
        target.parent.mkdir(parents=True)
        made.write_keypoints(frames).rename(target)
        made.write_video().rename(root / "img1")
        return tmp_path / "data"

    return make


@pytest.fixture
def crowd():
    """A thousand persons with heads of 10 px, all keypoints annotated but those of the ears."""
    annotated = np.ones((1000, 17))
    annotated[:, 3:5] = 0
    return TruePoses(np.arange(1000), np.arange(1000) % 7, np.zeros((1000, 17, 2)), annotated, np.full(1000, 10.0))


def test_undisturbed_poses_are_the_annotated_ones(scene):
    made = scene()
    truth, _ = read_truth(made.write_keypoints(), None, output_threshold=0.3)
    poses, identity = true_poses(truth).disturbed(Disturbance(0, 0), seed=1)
    assert sorted(set(zip(poses.frame.tolist(), identity.tolist(), strict=True))) == [
        (frame, person) for frame in range(8) for person in (4, 9)
    ]
    for row, (frame, person) in enumerate(zip(poses.frame, identity, strict=True)):
        present = poses.score[row] > 0
        assert present.sum() == 15
        np.testing.assert_allclose(poses.xy[row][present], made.xy[person][frame][present])


def test_noise_has_the_deviation_that_is_asked_for_in_heads(crowd):
    poses, _ = crowd.disturbed(Disturbance(0.25, 0), seed=3)
    assert poses.xy.std() == pytest.approx(2.5, rel=0.02)
    twice, _ = crowd.disturbed(Disturbance(0.5, 0), seed=3)
    np.testing.assert_allclose(twice.xy, 2 * poses.xy)


def test_dropout_leaves_out_its_share_and_a_higher_one_more_of_the_same(crowd):
    half, _ = crowd.disturbed(Disturbance(0, 0.5), seed=3)
    assert half.score[:, [0, 1, 2, *range(5, 17)]].mean() == pytest.approx(0.5, abs=0.02)
    more, _ = crowd.disturbed(Disturbance(0, 0.75), seed=3)
    common = np.isin(half.frame, more.frame)
    assert not ((more.score > 0) & ~(half.score[common] > 0)).any()


def test_a_person_without_keypoints_is_no_pose(crowd):
    poses, identity = crowd.disturbed(Disturbance(0, 1.0), seed=3)
    assert len(poses) == len(identity) == 0


def test_switches_of_persons_whose_track_is_another_than_before():
    frame, pose = np.array([0, 0, 1, 1, 3]), np.arange(5)
    tracks = Tracks(frame, pose, np.array([0, 1, 1, 0, 0]), np.full(5, np.nan), ())
    assert person_switches(tracks, np.array([7, 8, 7, 8, 7])) == 3  # 7: 0, 1, 0 and 8: 1, 0


@pytest.fixture
def measure(params, weights):
    def run(corpus, *, strides=(1,), noise=(0.0,), dropout=()):
        settings = NoiseSettings(noise, dropout, strides)
        answer = evaluate_noise(corpus, settings, load_networks(weights, params), params)
        return {(row["method"], row["stride"], row["noise_heads"], row["dropout"]): row for row in answer.rows}

    return run


def test_true_poses_that_stand_apart_are_tracked_without_fault(corpus, measure):
    rows = measure(corpus(), strides=(1, 2))
    for stride in (1, 2):
        row = rows["OKS", stride, 0, 0]
        assert (row["MOTA"], row["IDSW"], row["person_switches"]) == (100.0, 0, 0)
        assert row["tracked_poses"] == 16 // stride


def test_persons_who_swap_positions_switch_in_each_frame(corpus, measure):
    rows = measure(corpus(swapping=True), strides=(1, 2))
    assert rows["OKS", 1, 0, 0]["person_switches"] == 14
    assert rows["OKS", 2, 0, 0]["person_switches"] == 0


def test_each_disturbance_is_measured_by_itself_and_costs_mota(corpus, measure):
    rows = measure(corpus(), noise=(0.0, 1.0), dropout=(0.5,))
    assert {key[2:] for key in rows} == {(0.0, 0.0), (1.0, 0.0), (0.0, 0.5)}
    assert rows["OKS", 1, 0.0, 0.5]["MOTA"] < rows["OKS", 1, 0.0, 0.0]["MOTA"] > rows["OKS", 1, 1.0, 0.0]["MOTA"]


def test_the_longest_run_of_annotated_frames_counts(corpus, measure):
    rows = measure(corpus(frames=[0, 2, 3, 4, 5, 7]), strides=(1, 2))
    assert rows["OKS", 1, 0, 0]["poses"] == rows["OKS", 1, 0, 0]["tracked_poses"] == 2 * 4
    assert rows["OKS", 2, 0, 0]["poses"] == 2 * 2


def test_videos_without_two_annotated_frames_in_a_row_are_refused(corpus, measure):
    with pytest.raises(InputError, match="expected videos with annotated persons in two frames in a row"):
        measure(corpus(frames=[0, 2, 4]))


def test_a_corpus_without_annotated_videos_is_refused(tmp_path, measure):
    with pytest.raises(InputError, match=r"expected posetrack/annotations/val/\*\.json"):
        measure(tmp_path)


@pytest.fixture
def run(monkeypatch, corpus, weights, tmp_path):
    monkeypatch.chdir(REPOSITORY)
    app = typer.Typer()
    app.command()(command)
    words = ["--corpus", str(corpus()), "--weights", str(weights), "--out", str(tmp_path / "out")]
    yield lambda *more: CliRunner().invoke(app, [*words, *more])
    torch.use_deterministic_algorithms(False)


def test_the_command_writes_what_the_report_draws(run, tmp_path):
    result = run("--noise", "0,0.5", "--dropout", "0.25", "--stride", "1,2")
    assert result.exit_code == 0, result.output
    assert "16 annotated persons in 8 frames of 1 videos." in result.output
    content = json.loads((tmp_path / "out" / "noise.json").read_text())
    assert len(content["rows"]) == 2 * 3 * 4
    assert set(content["weights"]) == {"correspondence"}
    assert str(tmp_path) not in json.dumps(content["corpus"])


def test_numbers_out_of_range_are_one_error(run):
    result = run("--dropout", "2")
    assert isinstance(result.exception, InputError)
    assert "--dropout: expected numbers from 0 to 1 with commas between them" in str(result.exception)


def test_outside_a_checkout_both_folders_must_be_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, ["--corpus", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "expected --corpus and --out" in str(result.exception)
