"""Stage pretrain: the pose network on COCO persons (6.1)."""

from functools import partial
from typing import TYPE_CHECKING

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from models.networks.pose import PoseNetwork
from tasks.params.pretrain import PretrainParams
from tasks.training.persons import in_posetrack_channels
from tasks.training.pose_data import PoseData
from tasks.training.pose_job import CocoPoseJob
from tasks.training.sources import train_and_val
from tasks.training.stage import run_job
from tasks.training.start_weights import imagenet_digest, start_digest, start_from_imagenet, start_pose_from
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def run(workspace: Workspace, params: "Params") -> None:
    """Train in COCO's keypoint channels, or those of PoseTrack, and write models/pose_pretrained.

    Raises:
        InputError: no training persons with keypoints.
        TrainingError: the training cannot go on.
    """
    section = params.pretrain
    digests = imagenet_digest(section.imagenet_weights, "pretrain") | start_digest(section.start_weights, "pretrain")
    train, held_out = train_and_val(workspace, "coco", "pretrain")
    names = COCO_KEYPOINTS
    if section.keypoint_channels == "posetrack":
        names, train, held_out = POSETRACK_KEYPOINTS, in_posetrack_channels(train), in_posetrack_channels(held_out)
    job = CocoPoseJob(
        "pretrain",
        section,
        seed=params.run.seed,
        data=PoseData(workspace.data, train, names, section),
        held_out=PoseData(workspace.data, held_out, names, section),
        digests=digests | {"train": train.digest, "val": held_out.digest},
        build=partial(_network, section),
    )
    run_job(job, workspace, params, weights="pose_pretrained")


def _network(section: PretrainParams) -> PoseNetwork:
    network = PoseNetwork(width=section.width, stages=section.stages)
    start_from_imagenet(network, section.imagenet_weights, "pretrain")
    return start_pose_from(network, section.start_weights, "pretrain")
