"""The refinement is calibrated after training, if asked: no tensor changes, and the curve is written."""

import csv
import importlib

import pytest
import torch

from models.weight_files import load_weights
from tasks.progress import Progress, as_current


def train(stage, workspace, params) -> dict[str, float]:
    progress = Progress(None, stage)
    with as_current(progress):
        importlib.import_module(f"tasks.{stage}").run(workspace, params)
    return progress.metrics


def test_calibration_changes_no_tensor_and_lowers_the_error_at_every_size(workspace, params, changed):
    # With residual or scaled maps the peaks of such a small training are near what S makes of them: little is wrong.
    params = changed(params, "train_refinement", residual=False, scale_maps=False, map_gain=5000.0)
    train("train_siamese", workspace, params)
    path, tensors = workspace.weights("correspondence"), {}
    for sizes in ([], [64, 96]):
        metrics = train("train_refinement", workspace, changed(params, "train_refinement", calibration_sizes_px=sizes))
        stored = load_weights(path, "correspondence")
        tensors[len(sizes)] = stored.tensors
        assert ("calibration" in stored.architecture["refinement"]) == bool(sizes) == ("calibration_scale" in metrics)
    assert all(torch.equal(tensor, tensors[0][name]) for name, tensor in tensors[2].items())
    names = [f"calibration_{name}" for name in ("scale", "bias", "slope")]
    assert stored.architecture["refinement"]["calibration"] == pytest.approx([metrics[name] for name in names])
    for size in ("", "_64_px", "_96_px"):
        assert metrics[f"calibration_error_calibrated{size}"] < metrics[f"calibration_error_as_trained{size}"]


@pytest.mark.parametrize(("sizes", "kinds"), [([], ["as_trained"]), ([64, 96], ["as_trained", "calibrated"])])
def test_the_reliability_curve_counts_every_keypoint_of_the_measured_pairs(workspace, params, changed, sizes, kinds):
    train("train_siamese", workspace, params)
    metrics = train("train_refinement", workspace, changed(params, "train_refinement", calibration_sizes_px=sizes))
    with (workspace.artifacts / "plots/reliability.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == [kind for kind in kinds for _ in range(10)]
    totals = []
    for kind in kinds:
        filled = [row for row in rows if row["kind"] == kind and row["count"] != "0"]
        totals.append(sum(int(row["count"]) for row in filled))
        errors = [int(row["count"]) * abs(float(row["predicted"]) - float(row["observed"])) for row in filled]
        assert metrics[f"calibration_error_{kind}"] == pytest.approx(sum(errors) / totals[-1], abs=1e-4)
    assert totals[0] > 20
    assert len(set(totals)) == 1


def test_a_training_that_starts_from_calibrated_weights_starts_without_the_calibration(workspace, params, changed):
    train("train_siamese", workspace, params)
    train("train_refinement", workspace, changed(params, "train_refinement", calibration_sizes_px=[64]))
    start = workspace.weights("correspondence").rename(workspace.models / "start.safetensors")
    again = changed(params, "train_refinement", calibration_sizes_px=[], epochs=0, start_weights=str(start))
    train("train_refinement", workspace, again)
    first, second = (load_weights(path, "correspondence") for path in (start, workspace.weights("correspondence")))
    assert all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())
    assert "calibration" not in second.architecture["refinement"]
