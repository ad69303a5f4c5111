"""Trainings that start from a weight file: what they take, what they refuse, and that they end no worse."""

import logging
import shutil

import pytest
import torch

from models.networks.backbone import Decoder
from models.networks.correspondence import SiameseNetwork
from models.networks.keypoint_channels import CHANGED_CHANNELS, CHANGED_KEYPOINTS
from models.networks.pose import PoseNetwork
from models.weight_files import read_weights
from tasks.errors import InputError
from tasks.training.persons import in_posetrack_channels, join_persons, read_persons
from tasks.training.pose_job import PoseJob
from tests.tasks.training.conftest import WEIGHTS, make_workspace, run


@pytest.fixture(scope="module")
def files(tmp_path_factory, params, changed):
    """Files of all networks, each trained for an epoch, by stage."""
    workspace = make_workspace(tmp_path_factory.mktemp("earlier"))
    torch.set_num_threads(1)
    for stage in WEIGHTS:
        run(stage, workspace, changed(params, stage, epochs=1))
    return {stage: workspace.weights(name) for stage, name in WEIGHTS.items()}


@pytest.fixture
def prepared(workspace, files):
    """The tiny corpus with the networks that finetuning and refinement read, from other trainings than `files`."""
    workspace.models.mkdir(parents=True)
    for stage in ("pretrain", "train_siamese"):
        shutil.copyfile(files[stage], workspace.weights(WEIGHTS[stage]))
    return workspace


@pytest.mark.parametrize("stage", list(WEIGHTS))
def test_without_a_step_the_stage_ends_with_the_weights_it_started_from(prepared, params, changed, files, stage):
    run(stage, prepared, changed(params, stage, epochs=0, start_weights=str(files[stage])))
    result, wanted = read_weights(prepared.weights(WEIGHTS[stage])), read_weights(files[stage])
    for stored in (result, wanted):
        stored.tensors.pop("classifier.weight", None)  # of re-identification: the persons of a corpus
    assert {name: tensor.tolist() for name, tensor in result.tensors.items()} == {
        name: tensor.tolist() for name, tensor in wanted.tensors.items()
    }


def test_the_siamese_network_starts_from_that_of_a_correspondence_file(prepared, params, changed, files):
    path = str(files["train_refinement"])
    run("train_siamese", prepared, changed(params, "train_siamese", epochs=0, start_weights=path))
    taken, whole = read_weights(prepared.weights("siamese")), read_weights(path)
    assert taken.tensors
    assert all(torch.equal(tensor, whole.tensors[f"siamese.{name}"]) for name, tensor in taken.tensors.items())


def test_what_was_taken_is_logged(prepared, params, changed, files, caplog):
    with caplog.at_level(logging.INFO, logger="tasks"):
        run(
            "train_siamese",
            prepared,
            changed(params, "train_siamese", epochs=0, start_weights=str(files["train_siamese"])),
        )
    count = len(SiameseNetwork().state_dict())
    assert f"train_siamese: starts from {files['train_siamese']}: all {count} tensors of kind siamese" in caplog.text


@pytest.mark.parametrize(
    ("stage", "other", "values", "message"),
    [
        ("pretrain", "train_reid", {}, "expected weights of kind pose or siamese, found reid"),
        ("finetune", "train_siamese", {}, "expected weights of kind pose, found siamese"),
        ("train_refinement", "train_siamese", {}, "expected weights of kind correspondence, found siamese"),
        ("pretrain", "pretrain", {"width": 0.125}, "tensors do not fit the network"),
        (
            "pretrain",
            "train_siamese",
            {"width": 0.125},
            "expected a Siamese network of width 0.125, found width 0.0625",
        ),
        ("train_siamese", "train_siamese", {"width": 0.125}, "tensors do not fit the network"),
    ],
)
def test_another_kind_or_architecture_is_refused(prepared, params, changed, files, stage, other, values, message):
    with pytest.raises(InputError, match=rf"params\.yaml: {stage}\.start_weights: .*{message}"):
        run(stage, prepared, changed(params, stage, start_weights=str(files[other]), **values))


@pytest.mark.parametrize("stage", list(WEIGHTS))
def test_an_absent_file_is_refused_by_name(prepared, params, changed, stage):
    with pytest.raises(InputError, match=rf"{stage}\.start_weights: .* found no file at nowhere\.safetensors"):
        run(stage, prepared, changed(params, stage, start_weights="nowhere.safetensors"))


def test_a_siamese_file_gives_its_stem_and_its_trunk_to_every_stage(prepared, params, changed, files):
    run("pretrain", prepared, changed(params, "pretrain", epochs=0, start_weights=str(files["train_siamese"])))
    stored = read_weights(prepared.weights("pose_pretrained"))
    pose, siamese = PoseNetwork(**stored.architecture), SiameseNetwork(width=0.0625)
    pose.load_state_dict(stored.tensors)
    siamese.load_state_dict(read_weights(files["train_siamese"]).tensors)
    assert torch.equal(pose.stem.conv1.conv.weight, siamese.stem.conv1.conv.weight)
    seen = siamese.stem.out_channels
    for stage in pose.stages:
        assert isinstance(stage, Decoder)
        theirs = siamese.decoder.trunk.state_dict()
        ours = stage.trunk.state_dict()
        assert all(
            torch.equal(
                ours[name][:, :seen] if ours[name].ndim > 1 else ours[name],
                theirs[name][:, :seen] if ours[name].ndim > 1 else theirs[name],
            )
            for name in theirs
        )
    assert all(layer.weight[:, seen:].std() > 0 for layer in pose.stages[1].input_convolutions())


def test_the_same_numbers_from_other_weights_are_another_training(prepared, params, changed, files):
    started = changed(params, "pretrain", start_weights=str(files["pretrain"]))
    run("pretrain", prepared, params)
    run("pretrain", prepared, started)
    assert len(list(prepared.state.glob("checkpoints/pretrain/*"))) == 2


def test_the_same_weights_under_another_name_are_the_same_training(prepared, params, changed, files, tmp_path):
    for path in (files["pretrain"], shutil.copyfile(files["pretrain"], tmp_path / "copy.safetensors")):
        run("pretrain", prepared, changed(params, "pretrain", start_weights=str(path)))
    assert len(list(prepared.state.glob("checkpoints/pretrain/*"))) == 1


def test_keep_best_never_ends_worse_than_the_start(prepared, params, changed, files, monkeypatch):
    """Each validation finds fewer keypoints than the one before, so that the start is the best."""
    values = iter([0.9, 0.5, 0.4])
    monkeypatch.setattr(PoseJob, "validate", lambda self, network: {"pck": next(values)})
    run("pretrain", prepared, changed(params, "pretrain", keep="best", start_weights=str(files["pretrain"])))
    kept, start = read_weights(prepared.weights("pose_pretrained")), read_weights(files["pretrain"])
    assert all(torch.equal(kept.tensors[name], tensor) for name, tensor in start.tensors.items())
    lines = (prepared.artifacts / "plots/pretrain.csv").read_text().splitlines()
    assert lines[:2] == ["epoch,loss,rate,pck", "0,,,0.9"]
    assert [line.split(",")[0] for line in lines[2:]] == ["1", "2"]


def test_pretraining_in_posetracks_channels_teaches_no_eyes_and_keeps_the_heads_in_finetuning(
    prepared, params, changed, files
):
    numbers = changed(params, "pretrain", keypoint_channels="posetrack", start_weights=str(files["finetune"]))
    run("pretrain", prepared, numbers)
    run("finetune", prepared, changed(numbers, "finetune", epochs=0))
    before, after = (read_weights(prepared.weights(name)) for name in ("pose_pretrained", "pose"))
    assert before.params["keypoint_channels"] == "posetrack"
    assert all(torch.equal(after.tensors[name], tensor) for name, tensor in before.tensors.items())
    run("pretrain", prepared, params)
    run("finetune", prepared, changed(params, "finetune", epochs=0))
    before, after = (read_weights(prepared.weights(name)) for name in ("pose_pretrained", "pose"))
    name = "stages.0.output.weight"
    assert not torch.equal(after.tensors[name][:, CHANGED_CHANNELS], before.tensors[name][:, CHANGED_CHANNELS])


def test_coco_persons_join_finetuning_without_their_eyes(workspace):
    posetrack, coco = (read_persons(workspace.tables, source, "train") for source in ("posetrack", "coco"))
    both = join_persons(posetrack, in_posetrack_channels(coco))
    assert len(both) == len(posetrack) + len(coco)
    last = both.locations[int(both.picture[-1])]
    assert last == coco.locations[int(coco.picture[-1])]
    assert not both.labelled[len(posetrack) :, CHANGED_KEYPOINTS].any()
    assert both.labelled[: len(posetrack), CHANGED_KEYPOINTS].all()
    assert len({posetrack.digest, coco.digest, both.digest}) == 3


def test_finetuning_with_coco_persons_takes_more_steps(prepared, params, changed):
    steps = {}
    for coco_persons in (False, True):
        run("finetune", prepared, changed(params, "finetune", epochs=1, coco_persons=coco_persons))
        tensors = read_weights(prepared.weights("pose")).tensors
        steps[coco_persons] = int(tensors["stem.conv1.norm.num_batches_tracked"])
    assert steps[False] < steps[True]
