"""Stage finetune: the pose network on PoseTrack persons (6.1)."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from models.keypoints import POSETRACK_KEYPOINTS
from models.networks.keypoint_channels import reinitialise_changed, switch_off_changed
from models.networks.pose import PoseNetwork, load_pose
from models.weight_files import load_weights, save_weights
from tasks.content_key import file_digest
from tasks.progress import current
from tasks.training.persons import AnnotatedPersons, in_posetrack_channels, join_persons, read_persons
from tasks.training.pose_data import PoseData
from tasks.training.pose_job import PoseJob
from tasks.training.sources import train_and_val
from tasks.training.stage import curves_path, run_job, write_curves
from tasks.training.start_weights import start_digest, start_from
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def run(workspace: Workspace, params: "Params") -> None:
    """Continue from the COCO weights in PoseTrack's keypoint channels and write models/pose.

    Where COCO has eyes PoseTrack has head_bottom and head_top: these channels start at random, unless the pretraining
    used PoseTrack's channels. Without PoseTrack training persons the COCO weights are kept, these two keypoints are
    never found, and a notice says so.

    Raises:
        TrainingError: the training cannot go on.
    """
    section, pretrained = params.finetune, workspace.weights("pose_pretrained")
    if not len(read_persons(workspace.tables, "posetrack", "train")):
        _keep_coco_weights(workspace, params)
        return
    train, held_out = train_and_val(workspace, "posetrack", "finetune")
    if section.coco_persons:
        train = _with_coco(train, workspace)
    job = PoseJob(
        "finetune",
        section,
        seed=params.run.seed,
        data=PoseData(workspace.data, train, POSETRACK_KEYPOINTS, section),
        held_out=PoseData(workspace.data, held_out, POSETRACK_KEYPOINTS, section),
        digests={"train": train.digest, "val": held_out.digest, "weights": file_digest(pretrained)}
        | start_digest(section.start_weights, "finetune"),
        build=partial(_network, pretrained, section.start_weights),
    )
    run_job(job, workspace, params, weights="pose")


def _with_coco(train: AnnotatedPersons, workspace: Workspace) -> AnnotatedPersons:
    """PoseTrack's training persons, then those of COCO."""
    more = read_persons(workspace.tables, "coco", "train")
    if not len(more):
        current().notice("finetune: no COCO training persons, so finetuning uses PoseTrack's alone")
        return train
    return join_persons(train, in_posetrack_channels(more))


def _network(pretrained: Path, start_weights: str | None) -> PoseNetwork:
    """Start from `start_weights`, whose channels are PoseTrack's, or else from the COCO weights."""
    network = load_pose(pretrained)
    if start_weights is not None:
        return start_from(network, start_weights, "finetune", parts={"pose": ""})
    if load_weights(pretrained, "pose").params.get("keypoint_channels", "coco") == "coco":
        reinitialise_changed(network)
    return network


def _keep_coco_weights(workspace: Workspace, params: "Params") -> None:
    current().notice(
        "finetune: no PoseTrack training persons, so the pose network keeps its COCO weights and finds neither "
        "head_bottom nor head_top"
    )
    network = load_pose(workspace.weights("pose_pretrained"))
    switch_off_changed(network)
    numbers = params.finetune.model_dump(mode="json")
    save_weights(workspace.weights("pose"), network, kind="pose", architecture=network.architecture, params=numbers)
    write_curves([], curves_path(workspace, "finetune"))
