"""The refinement is calibrated after training, if asked: only the last layer changes, and the curve is written."""

import csv
import importlib

import pytest
import torch

from models.weight_files import load_weights
from tasks.progress import Progress, as_current

LAST_LAYER = "refinement.decoder.output"


def train(stage, workspace, params) -> dict[str, float]:
    progress = Progress(None, stage)
    with as_current(progress):
        importlib.import_module(f"tasks.{stage}").run(workspace, params)
    return progress.metrics


def test_calibration_rescales_the_logits_of_the_same_weights(workspace, params, changed):
    train("train_siamese", workspace, params)
    path, tensors = workspace.weights("correspondence"), {}
    for calibrate in (False, True):
        metrics = train("train_refinement", workspace, changed(params, "train_refinement", calibrate=calibrate))
        tensors[calibrate] = load_weights(path, "correspondence").tensors
        assert ("calibration_scale" in metrics) == calibrate
    differing = {name for name, tensor in tensors[True].items() if not torch.equal(tensor, tensors[False][name])}
    assert differing == {f"{LAST_LAYER}.weight", f"{LAST_LAYER}.bias"}
    scale, bias = metrics["calibration_scale"], metrics["calibration_bias"]
    torch.testing.assert_close(tensors[True][f"{LAST_LAYER}.weight"], scale * tensors[False][f"{LAST_LAYER}.weight"])
    torch.testing.assert_close(tensors[True][f"{LAST_LAYER}.bias"], scale * tensors[False][f"{LAST_LAYER}.bias"] + bias)


def test_the_reliability_curve_counts_every_keypoint_of_the_measured_pairs(workspace, params):
    train("train_siamese", workspace, params)
    metrics = train("train_refinement", workspace, params)
    with (workspace.artifacts / "plots/train_refinement_reliability.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["low"]) for row in rows] == pytest.approx([index / 10 for index in range(10)])
    filled = [row for row in rows if row["predictions"] != "0"]
    total = sum(int(row["predictions"]) for row in filled)
    assert total > 20
    assert all(float(row["low"]) <= float(row["mean_probability"]) <= float(row["high"]) for row in filled)
    errors = [
        int(row["predictions"]) * abs(float(row["mean_probability"]) - float(row["share_correct"])) for row in filled
    ]
    assert metrics["calibration_error"] == pytest.approx(sum(errors) / total, abs=1e-4)
