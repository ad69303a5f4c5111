"""The methods of Table 2 on given poses: each associates the same poses of the same frames."""

from collections.abc import Iterator, Sequence
from typing import Final

from models.tracking.association import Tracks
from tasks.given_poses.networks import Networks
from tasks.given_poses.poses import GivenPoses
from tasks.given_poses.video import GivenVideo, SeenFrames
from tasks.tracker_evaluation.methods import (
    MethodSimilarities,
    by_appearance,
    by_equation_6,
    by_moved_poses,
    by_oks,
    by_propagation,
    track_evidence,
)
from tasks.tracker_evaluation.reidentification import similarity_of_boxes

METHODS: Final = ("OKS", "Optical flow", "Re-ID", "Equation 6", "Propagated OKS")


def tracks_by_method(
    poses: GivenPoses, frames: Sequence[int], seen: SeenFrames | None, networks: Networks
) -> Iterator[tuple[str, Tracks]]:
    """The tracks of the poses in some frames by each method that has what it needs, at the params' thresholds.

    Poses are neither added (5.1) nor are tracks merged: what differs is the similarity, and duplicate removal by it.
    """
    video = GivenVideo(poses, frames, seen, reach=networks.track.max_lost_frames + 1)
    for name, similarities in _similarities(video, networks):
        yield name, track_evidence(video.evidence, similarities, networks.track)


def _similarities(video: GivenVideo, networks: Networks) -> Iterator[tuple[str, MethodSimilarities]]:
    poses, section, seen = video.video_poses, networks.track, video.seen
    yield "OKS", by_oks(poses, section)
    if seen is None:
        return
    yield "Optical flow", by_moved_poses(video.moved_by_flow(seen), poses, section)
    if networks.embed is not None:
        width, height = networks.crop_size
        looks = similarity_of_boxes(seen.pictures, video.boxes, networks.embed, crop_height=height, crop_width=width)
        yield "Re-ID", by_appearance(looks, poses, section)
    yield "Equation 6", by_equation_6(video.evidence, section)
    yield "Propagated OKS", by_propagation(video.evidence, section)
