"""The five stages on a tiny corpus: what they write, what they fall back to, what they refuse."""

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.networks.correspondence import load_correspondence, load_siamese
from models.networks.pose import load_pose
from models.weight_files import load_weights
from tasks import pretrain, train_refinement, train_reid, train_siamese
from tasks.errors import InputError
from tasks.progress import Progress, as_current, progress_file, read_events
from tasks.tables.files import read_table, write_table
from tasks.tables.schemas import PERSONS
from tasks.training.job import TrainingError
from tasks.training.loop import Training
from tasks.training.oks_ap import oks_ap
from tasks.training.persons import read_persons
from tests.tasks.training.conftest import WEIGHTS, run


def drop_persons(workspace, keep) -> None:
    path = PERSONS.path(workspace.tables)
    write_table(PERSONS, [row for row in read_table(PERSONS, path).to_pylist() if keep(row)], path)


def test_the_chain_writes_all_weights_and_curves(workspace, params):
    for stage, weights in WEIGHTS.items():
        progress = run(stage, workspace, params)
        assert workspace.weights(weights).is_file()
        lines = (workspace.artifacts / f"plots/{stage}.csv").read_text().splitlines()
        assert lines[0].startswith("epoch,loss,rate")
        assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]
        assert progress.notices == []
        assert set(progress.metrics) >= {"loss", "rate"}
    images = torch.rand(1, 3, 64, 32)
    pretrained, finetuned = (load_pose(workspace.weights(name))(images)[-1] for name in ("pose_pretrained", "pose"))
    assert finetuned.isfinite().all()
    assert not torch.equal(finetuned, pretrained)
    whole, siamese = (
        load_correspondence(workspace.weights("correspondence")),
        load_siamese(workspace.weights("siamese")),
    )
    for name, tensor in siamese.state_dict().items():
        assert torch.equal(whole.siamese.state_dict()[name], tensor), name
    assert load_weights(workspace.weights("reid"), "reid").architecture["identities"] == 2


def test_a_training_logs_the_device_and_why(workspace, params, monkeypatch, caplog):
    monkeypatch.setattr("tasks.gpus.visible_gpus", lambda: 0)
    caplog.set_level("INFO")
    run("pretrain", workspace, params)
    assert "pretrain: trains on: CPU, since compute.gpus_per_worker is auto and torch sees no GPU" in caplog.messages


def test_a_long_epoch_reports_which_part_of_it_is_done(workspace, params, changed, monkeypatch):
    monkeypatch.setattr("tasks.training.loop._SECONDS_BETWEEN_EVENTS", 0.0)
    with as_current(Progress(workspace.state, "pretrain")):
        pretrain.run(workspace, changed(params, "pretrain", passes_per_epoch=2))
    events, _ = read_events(progress_file(workspace.state, "pretrain"))
    advances = [event for event in events if event["kind"] == "advance"]
    done = [event["done"] for event in advances]
    assert done == sorted(done)
    assert {1, 2} < set(done)
    assert 0 < done[0] < 1
    assert all(set(event["metrics"]) == {"loss"} for event in advances if event["done"] not in {1, 2})


def test_pretraining_reports_oks_ap_and_validation_loss(workspace, params):
    metrics = run("pretrain", workspace, params).metrics
    assert {"validation_loss", "pck", "oks_ap", "oks_ap_50"} <= set(metrics)


def test_oks_ap_of_the_annotations_themselves_is_one(workspace):
    persons = read_persons(workspace.tables, "coco", "val")
    metrics = oks_ap(persons, np.stack([persons.x, persons.y], axis=-1), np.ones((len(persons), 17)))
    assert metrics == {"oks_ap": pytest.approx(1.0), "oks_ap_50": pytest.approx(1.0)}


def test_without_posetrack_persons_finetuning_keeps_the_coco_weights(workspace, params):
    run("pretrain", workspace, params)
    drop_persons(workspace, lambda row: row["source"] == "coco")
    progress = run("finetune", workspace, params)
    assert "no PoseTrack training persons" in progress.notices[0]
    before, after = load_pose(workspace.weights("pose_pretrained")), load_pose(workspace.weights("pose"))
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        heatmaps = after(images)[0][:, :17].sigmoid()
        assert torch.allclose(heatmaps[:, 3:], before(images)[0][:, 3:17].sigmoid())
    assert heatmaps[:, 1:3].max() < 1e-6


def test_without_tracks_the_reid_file_says_that_there_is_no_baseline(workspace, params):
    drop_persons(workspace, lambda row: row["source"] == "coco")
    progress = run("train_reid", workspace, params)
    assert "no re-identification baseline" in progress.notices[0]
    assert load_weights(workspace.weights("reid"), "reid").architecture["identities"] == 0


@pytest.mark.parametrize("stage", ["pretrain", "train_siamese"])
@pytest.mark.parametrize("what", ["no persons", "no keypoints", "crowds only"])
def test_coco_without_keypoints_is_refused(workspace, params, stage, what):
    path = PERSONS.path(workspace.tables)
    rows = [row for row in read_table(PERSONS, path).to_pylist() if row["source"] == "posetrack" or what[:4] != "no p"]
    for row in rows:
        if row["source"] == "coco":
            row |= {"no keypoints": {"visibility": [0] * 17}, "crowds only": {"is_crowd": True}}[what]
    write_table(PERSONS, rows, path)
    with pytest.raises(InputError, match=f"{stage}: expected training persons with labelled keypoints in data/coco"):
        run(stage, workspace, params)


def test_without_held_out_persons_training_goes_on_and_says_so(workspace, params):
    drop_persons(workspace, lambda row: row["split"] == "train")
    for stage in ("pretrain", "finetune", "train_siamese", "train_refinement"):
        assert "without validation" in run(stage, workspace, params).notices[0]


def test_a_vanished_picture_is_named(workspace, params):
    (workspace.data / "coco/images/3.png").unlink()
    with pytest.raises(InputError, match=r"images/3\.png: expected a readable picture"):
        run("pretrain", workspace, params)


@pytest.mark.parametrize(
    ("stage", "values", "message"),
    [
        ("pretrain", {"workers": 3, "micro_batches": 4}, "pretrain.workers must divide"),
        ("train_reid", {"identities_per_batch": 3}, "train_reid.identities_per_batch must divide"),
        ("train_reid", {"identities_per_batch": 4}, "at least 2 crops"),
        ("pretrain", {"imagenet_weights": "nowhere.pth"}, "no file at nowhere.pth"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(workspace, params, changed, stage, values, message):
    with pytest.raises(InputError, match=message):
        run(stage, workspace, changed(params, stage, **values))


def poisoned_at(step: int, monkeypatch, poison) -> None:
    original, calls = Training._loss, []

    def loss(self, batch):
        calls.append(1)
        return original(self, batch) * poison() if len(calls) == step else original(self, batch)

    monkeypatch.setattr(Training, "_loss", loss)


def test_a_loss_that_is_not_finite_ends_with_the_last_good_checkpoint_kept(workspace, params, monkeypatch):
    poisoned_at(8, monkeypatch, lambda: float("nan"))
    with pytest.raises(TrainingError, match=r"epoch 2, step 2; the last good checkpoint is .*epoch_0001_step_000001"):
        run("pretrain", workspace, params)
    monkeypatch.undo()
    run("pretrain", workspace, params)
    assert workspace.weights("pose_pretrained").is_file()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_too_little_memory_says_what_to_lower(workspace, params, monkeypatch, error):
    def fail():
        raise error

    poisoned_at(5, monkeypatch, fail)
    with pytest.raises(TrainingError, match=r"memory ran out .* lower pretrain\.micro_batch_size \(now 2\)"):
        run("pretrain", workspace, params)


def test_other_errors_of_the_network_stay_what_they_are(workspace, params, monkeypatch):
    def fail():
        raise RuntimeError("something else")

    poisoned_at(1, monkeypatch, fail)
    with pytest.raises(RuntimeError, match="something else"):
        run("pretrain", workspace, params)


def captured_job(module, workspace, params, monkeypatch):
    jobs = []
    monkeypatch.setattr(module, "run_job", lambda job, *_, **__: jobs.append(job))
    module.run(workspace, params)
    return jobs[0]


@pytest.mark.parametrize("module", [pretrain, train_siamese, train_refinement, train_reid])
def test_gradients_reach_every_parameter_that_is_trained_and_no_other(workspace, params, monkeypatch, module):
    if module is train_refinement:
        run("train_siamese", workspace, params)
    job = captured_job(module, workspace, params, monkeypatch)
    network = job.build()
    trained = job.trained(network).train()
    order = job.order(0)[:4]
    job.loss(network, job.batch(order, np.arange(4), 0)).backward()
    parameters = dict(trained.named_parameters())
    assert sum(parameter.requires_grad for parameter in parameters.values()) > 10
    assert all(parameter.grad is not None for parameter in parameters.values() if parameter.requires_grad)
    if module is train_refinement:
        assert all(not part.requires_grad and part.grad is None for part in network.siamese.parameters())
        assert not network.siamese.training


@pytest.mark.parametrize("kind", ["siamese", "refined"])
def test_a_pair_learnt_by_heart_peaks_above_the_papers_threshold(workspace, params, changed, monkeypatch, kind):
    learnt = {"width": 0.125, "loss": "binary", "truncation_probability": 0.0, "extra_points": 0, "brightness": 0.0}
    params = changed(params, "train_siamese", **learnt, blur_px=0.0)
    module = train_siamese
    if kind == "refined":
        run("train_siamese", workspace, params)
        plain = {"width": 0.125, "truncation_probability": 0.0, "brightness": 0.0, "blur_px": 0.0}
        params, module = changed(params, "train_refinement", **plain), train_refinement
    job = captured_job(module, workspace, params, monkeypatch)
    torch.manual_seed(0)
    network = job.build().eval()
    trained = job.trained(network).train()
    batch = job.batch(np.array([0, 1]), np.array([0, 1]), 0)
    optimizer = torch.optim.AdamW([part for part in trained.parameters() if part.requires_grad], lr=4e-3)
    for _ in range(90):
        optimizer.zero_grad()
        job.loss(network, batch).backward()
        optimizer.step()
    with torch.no_grad():
        tally = job._maps(network, batch)[kind].tally()
    shown = tally[:, 0] > 0
    assert tally[shown, 2].mean() > 0.3
    assert tally[shown, 1].mean() > 0.9


@pytest.mark.parametrize("stage", ["pretrain", "train_siamese"])
def test_weights_do_not_depend_on_the_threads_that_prepare_batches(workspace, params, changed, stage):
    weights = workspace.weights({"pretrain": "pose_pretrained", "train_siamese": "siamese"}[stage])
    run(stage, workspace, params)
    first = load_file(weights)
    (workspace.state / "checkpoints").rename(workspace.state / "elsewhere")
    run(stage, workspace, changed(params, stage, prefetch_threads=3))
    second = load_file(weights)
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_weights_do_not_depend_on_the_process(workspace, params):
    run("pretrain", workspace, params)
    first = workspace.weights("pose_pretrained").read_bytes()
    (workspace.state / "checkpoints").rename(workspace.state / "elsewhere")
    torch.manual_seed(99)
    cv2.setNumThreads(2)
    run("pretrain", workspace, params)
    assert workspace.weights("pose_pretrained").read_bytes() == first


def test_the_best_weights_are_kept_on_request(workspace, params, changed, monkeypatch):
    from tasks.training.pose_job import PoseJob

    values = iter([0.1, 0.2, 0.9, 0.4])  # at the start and after each of three epochs
    monkeypatch.setattr(PoseJob, "validate", lambda self, network: {"pck": next(values)})
    taken = []
    original = Training._end_epoch
    monkeypatch.setattr(
        Training,
        "_end_epoch",
        lambda self: (taken.append(self.network.stem.conv1.conv.weight.detach().clone()), original(self)),
    )
    run("pretrain", workspace, changed(params, "pretrain", epochs=3, keep="best"))
    stored = load_weights(workspace.weights("pose_pretrained"), "pose").tensors["stem.conv1.conv.weight"]
    assert [torch.equal(stored, weight) for weight in taken] == [False, True, False]


@pytest.mark.parametrize(
    ("source", "used"),
    [("coco", ["coco"]), ("posetrack", ["posetrack"]), ("coco_then_posetrack", ["coco", "posetrack"])],
)
def test_sources_of_the_siamese_network(workspace, params, changed, monkeypatch, source, used):
    job = captured_job(train_siamese, workspace, changed(params, "train_siamese", source=source), monkeypatch)
    assert [name for name in ("coco", "posetrack") if f"train_{name}" in job.data_digests] == used
    sizes = {"coco": 6, "posetrack": 8}
    assert [job.samples(epoch) for epoch in (0, 1)] == [sizes[used[0]], sizes[used[-1]]]
