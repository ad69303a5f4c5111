"""Whether there are person boxes at all, before any network runs, and which file the detector is read from."""

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import InputError
from tasks.inference.box_files import mot_file, results_files
from tasks.inference.person_boxes import Annotations
from tasks.inference.videos import VideoIndex
from tasks.public_weights import fetched, keypoint_rcnn
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.detect import DetectParams
    from tasks.params.sections import Params


def require_boxes(workspace: Workspace, params: "Params") -> None:
    """Check, before any network runs, that there is a source of person boxes for the indexed videos.

    Poses of files are their own source; `detect` counts those that can be tracked.

    Raises:
        InputError: no detector is chosen, and there is neither a file of boxes nor an annotated person.
    """
    index = VideoIndex(workspace.tables)
    videos = [index.row(video_id) for video_id in index.of_splits(params.detect.splits)]
    if not videos or uses_detector(params) or params.detect.source == "poses":
        return
    if "detected" in params.detect.box_sources and (
        results_files(workspace.data) or any(mot_file(workspace.data, video) for video in videos)
    ):
        return
    annotations = Annotations(workspace.tables)
    if "annotated" in params.detect.box_sources and any(annotations.boxes(video["video_id"]) for video in videos):
        return
    raise InputError(
        f"no person boxes for any of {len(videos)} videos, so there is nothing to track: choose --pretrained "
        "torchvision, or name poses of another program with --poses, or a file of boxes with --detections (COCO "
        "results, or NAME.det.txt in MOT form beside NAME.mp4), or set detect.source to network and "
        "detect.network_weights to the weights of a person detector in params.yaml"
    )


def uses_detector(params: "Params") -> bool:
    """Whether a detector finds the boxes, not files."""
    return params.detect.source in ("network", "torchvision") and "detected" in params.detect.box_sources


def detector_weights(params: "DetectParams") -> Path:
    """The weight file that the user names, else that of torchvision's Keypoint R-CNN, fetched when it is not there.

    Raises:
        InputError: it has to be fetched and cannot be.
    """
    if params.network_weights is not None:
        return Path(params.network_weights)
    return fetched(keypoint_rcnn())
