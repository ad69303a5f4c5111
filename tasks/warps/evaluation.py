"""Share of annotated keypoints that are propagated to their true position, by gap (the claim of Figure 1)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.keypoints import BODY, KEYPOINT_COUNT
from models.metrics.sequence import MATCH_DISTANCE
from tasks.errors import InputError
from tasks.frames import FrameError
from tasks.warps.annotated_video import AnnotatedFrame, AnnotatedVideo
from tasks.warps.propagators import OPTICAL_FLOW, UNMOVED, MapPropagator, Propagator, SeenFrame, flow, stay


@dataclass
class GapMetrics:
    """Keypoints that are annotated on the same track in both frames of a pair, and how many arrive, by way."""

    gap: int
    frame_pairs: int = 0
    keypoints: int = 0
    arrived: Counter[str] = field(default_factory=Counter)
    without_head: int = 0
    """Keypoints left out, since the person has no head box in the frame of arrival, the unit of distance."""

    def share(self, way: str) -> float | None:
        """Share of the keypoints that arrive, 0 to 1; None if there are none."""
        return self.arrived[way] / self.keypoints if self.keypoints else None

    def as_json(self, ways: Sequence[str]) -> dict[str, Any]:
        """Counts, and shares by way."""
        counts = {name: getattr(self, name) for name in ("gap", "frame_pairs", "keypoints", "without_head")}
        return counts | {"share": {way: self.share(way) for way in ways}}


@dataclass(frozen=True)
class WarpMetrics:
    """Metrics by gap, and the rejected input."""

    ways: tuple[str, ...]
    gaps: list[GapMetrics]
    rejects: list[str]


def evaluate_warps(
    video: AnnotatedVideo, network: MapPropagator, gaps: Sequence[int], tick: Callable[[], None] = lambda: None
) -> WarpMetrics:
    """Propagate the annotated poses of every frame f to f+g for every gap g, where both frames are annotated.

    Args:
        video: one video.
        network: propagates by S and C.
        gaps: frames from the source to the target, at least 1 each.
        tick: called after each annotated frame.

    Raises:
        InputError: no keypoint is annotated in two frames that are one of the gaps apart.
    """
    metrics = {gap: GapMetrics(gap) for gap in sorted(set(gaps))}
    window: dict[int, SeenFrame] = {}
    rejects = list(video.rejects)
    for index, truth in video.frames.items():
        try:
            window[index] = network.see(video.pictures.frame(index))
        except FrameError as error:
            rejects.append(str(error))
        else:
            for of_gap in metrics.values():
                if (start := index - of_gap.gap) in window:
                    _add(of_gap, video.frames[start], truth, (window[start], window[index]), network)
        window = {start: seen for start, seen in window.items() if start > index - max(metrics)}
        tick()
    if not any(of_gap.keypoints or of_gap.without_head for of_gap in metrics.values()):
        first = f"; the first reject: {rejects[0]}" if rejects else ""
        raise InputError(
            f"expected keypoints of one track in two frames that are {', '.join(map(str, metrics))} frames apart, got "
            f"none in {len(video.frames)} annotated frames; choose other --gaps{first}"
        )
    return WarpMetrics((UNMOVED, OPTICAL_FLOW, *network.kinds), list(metrics.values()), rejects)


def _add(
    metrics: GapMetrics,
    source: AnnotatedFrame,
    target: AnnotatedFrame,
    seen: tuple[SeenFrame, SeenFrame],
    network: MapPropagator,
) -> None:
    """Propagate the persons that both frames show, and count what arrives."""
    _, here, there = np.intersect1d(source.poses.pose_id, target.poses.pose_id, return_indices=True)
    start, end = source.poses.take(here), target.poses.take(there)
    annotated = (start.score > 0) & (end.score > 0) & np.isin(np.arange(KEYPOINT_COUNT), BODY)
    if not annotated.any():
        return
    head_size = target.head_size[there]
    counted = annotated & np.isfinite(head_size)[:, None]
    metrics.frame_pairs += 1
    metrics.keypoints += int(counted.sum())
    metrics.without_head += int((annotated & ~counted).sum())
    propagators: tuple[Propagator, ...] = (stay, flow, network)
    for way, xy in (item for propagator in propagators for item in propagator(*seen, start).items()):
        near = np.linalg.norm(xy - end.xy, axis=-1) <= MATCH_DISTANCE * head_size[:, None]
        metrics.arrived[way] += int((near & counted).sum())
