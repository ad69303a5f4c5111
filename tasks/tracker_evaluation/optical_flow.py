"""The optical-flow baseline: poses propagated from frame to frame by a dense flow (6.2)."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import cv2
import numpy as np
import torch
from torch.nn.functional import pad

from models.arrays import Float32Array, FloatArray, IntArray, Picture
from models.poses.frame_poses import FramePoses
from models.tracking.correspondences import PropagatedPoses, propagate_by_flow
from models.weight_files import WeightsError, read_state_dict, require_same_tensors
from tasks.errors import InputError
from tasks.params.ablate import AblateParams
from tasks.tracker_evaluation.videos import EvaluationVideo

PropagatedRows: TypeAlias = tuple[IntArray, IntArray, FloatArray, FloatArray]
"""Pose ids, target frames, keypoints and peaks of propagated poses."""

_RAFT_SMALLEST_PX: Final = 128
"""Sides of pictures are multiples of 8 and at least so long for RAFT; shorter ones are continued by their edge."""


class DenseFlow(Protocol):
    """Two pictures (H,W,3) RGB to the motion (H,W,2) of each pixel of the first, in pixels, x then y."""

    def __call__(self, source: Picture, target: Picture, /) -> Float32Array:
        """Flow from `source` to `target`."""


def flow_of(params: AblateParams) -> DenseFlow:
    """The flow method of the parameters.

    Raises:
        InputError: the weights of RAFT cannot be used.
    """
    return _raft(Path(params.flow_weights)) if params.flow == "raft" and params.flow_weights else dis_flow


def dis_flow(source: Picture, target: Picture, /) -> Float32Array:
    """OpenCV's dense inverse search; needs no weights."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) for picture in (source, target))
    return np.asarray(method.calc(first, second, np.zeros((*source.shape[:2], 2), np.float32)), dtype=np.float32)


def _raft(weights: Path) -> DenseFlow:
    from torchvision.models.optical_flow import raft_large  # takes longer to load than torch itself

    network = raft_large(weights=None).eval()
    state = network.state_dict()
    try:
        tensors = read_state_dict(weights)
        require_same_tensors(weights, expected=_learned(state), tensors=_learned(tensors))
    except WeightsError as error:
        raise InputError(f"ablate.flow_weights: {error}") from error
    network.load_state_dict(state | tensors)

    @torch.inference_mode()
    def flow(source: Picture, target: Picture, /) -> Float32Array:
        height, width = source.shape[:2]
        missing = [max(_RAFT_SMALLEST_PX, side + -side % 8) - side for side in (width, height)]
        pair = [torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] for picture in (source, target)]
        scaled = [pad(image / 127.5 - 1, (0, missing[0], 0, missing[1]), mode="replicate") for image in pair]
        return np.asarray(network(*scaled)[-1][0].permute(1, 2, 0).numpy()[:height, :width], dtype=np.float32)

    return flow


def _learned(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the counters of batches, which older files lack and which no answer depends on."""
    return {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}


def propagated_by_flow(
    siblings: Sequence[EvaluationVideo], flow: DenseFlow, *, max_gap_frames: int
) -> list[PropagatedPoses]:
    """Every pose propagated to the next 1 .. `max_gap_frames` frames of its box source.

    Args:
        siblings: one video with each of its box sources; each flow is computed once for all of them.
        flow: the flow method.
        max_gap_frames: in frames that can hold boxes of the source.

    Returns:
        The propagated poses of each sibling.
    """
    nothing: PropagatedRows = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 17, 2)), np.zeros((0, 17)))
    rows = [[nothing] for _ in siblings]
    frames = [{poses.frame_index: poses for poses in video.evidence.poses.frames} for video in siblings]
    windows = [deque[tuple[FramePoses, Picture]](maxlen=max_gap_frames) for _ in siblings]
    for index, picture in siblings[0].pictures(sorted(set().union(*frames))):
        flows = _FlowsTo(flow, picture)
        for poses_of, propagated, window in zip(frames, rows, windows, strict=True):
            if index in poses_of:
                propagated.extend(_propagated_rows(poses_of[index], window, flows))
                window.append((poses_of[index], picture))
    return [PropagatedPoses(*map(np.concatenate, zip(*parts, strict=True))) for parts in rows]


class _FlowsTo:
    """Flows to one picture, each computed once."""

    def __init__(self, flow: DenseFlow, picture: Picture) -> None:
        self._flow, self._picture = flow, picture
        self._known: dict[int, Float32Array] = {}

    def __call__(self, frame_index: int, earlier: Picture) -> Float32Array:
        if frame_index not in self._known:
            self._known[frame_index] = self._flow(earlier, self._picture)
        return self._known[frame_index]


def _propagated_rows(
    target: FramePoses, window: Iterable[tuple[FramePoses, Picture]], flows: _FlowsTo
) -> Iterator[PropagatedRows]:
    for source, earlier in window:
        if len(source) and len(target):
            xy, arrived = propagate_by_flow(source.xy, flows(source.frame_index, earlier))
            yield source.pose_id, np.full(len(source), target.frame_index), xy, arrived
