"""Share of annotated keypoints that are carried to where they are, by gap between the frames (Figure 1's claim)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.keypoints import BODY, KEYPOINT_COUNT
from models.metrics.sequence import MATCH_DISTANCE
from tasks.errors import InputError
from tasks.frames import FrameError
from tasks.warps.carriers import OPTICAL_FLOW, UNMOVED, Carrier, MapCarrier, SeenFrame, flow, stay
from tasks.warps.footage import AnnotatedFrame, Footage


@dataclass
class GapFigures:
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
class WarpFigures:
    """Figures by gap, and what was set aside."""

    ways: tuple[str, ...]
    gaps: list[GapFigures]
    set_aside: list[str]


def evaluate_warps(
    footage: Footage, network: MapCarrier, gaps: Sequence[int], tick: Callable[[], None] = lambda: None
) -> WarpFigures:
    """Carry the annotated poses of every frame f to f+g for every gap g, where both frames are annotated.

    Args:
        footage: one video.
        network: carries by S and C.
        gaps: frames from the source to the target, at least 1 each.
        tick: called after each annotated frame.

    Raises:
        InputError: no keypoint is annotated in two frames that are one of the gaps apart.
    """
    figures = {gap: GapFigures(gap) for gap in sorted(set(gaps))}
    window: dict[int, SeenFrame] = {}
    set_aside = list(footage.set_aside)
    for index, truth in footage.frames.items():
        try:
            window[index] = network.see(footage.pictures.frame(index))
        except FrameError as error:
            set_aside.append(str(error))
        else:
            for own in figures.values():
                if (start := index - own.gap) in window:
                    _add(own, footage.frames[start], truth, (window[start], window[index]), network)
        window = {start: seen for start, seen in window.items() if start > index - max(figures)}
        tick()
    if not any(own.keypoints or own.without_head for own in figures.values()):
        told = f"; the first thing set aside: {set_aside[0]}" if set_aside else ""
        raise InputError(
            f"expected keypoints of one track in two frames that are {', '.join(map(str, figures))} frames apart, got "
            f"none in {len(footage.frames)} annotated frames; choose other --gaps{told}"
        )
    return WarpFigures((UNMOVED, OPTICAL_FLOW, *network.kinds), list(figures.values()), set_aside)


def _add(
    figures: GapFigures,
    source: AnnotatedFrame,
    target: AnnotatedFrame,
    seen: tuple[SeenFrame, SeenFrame],
    network: MapCarrier,
) -> None:
    """Carry the persons that both frames show, and count what arrives."""
    _, here, there = np.intersect1d(source.poses.pose_id, target.poses.pose_id, return_indices=True)
    start, end = source.poses.take(here), target.poses.take(there)
    annotated = (start.score > 0) & (end.score > 0) & np.isin(np.arange(KEYPOINT_COUNT), BODY)
    if not annotated.any():
        return
    head_size = target.head_size[there]
    counted = annotated & np.isfinite(head_size)[:, None]
    figures.frame_pairs += 1
    figures.keypoints += int(counted.sum())
    figures.without_head += int((annotated & ~counted).sum())
    carriers: tuple[Carrier, ...] = (stay, flow, network)
    for way, xy in (item for carrier in carriers for item in carrier(*seen, start).items()):
        near = np.linalg.norm(xy - end.xy, axis=-1) <= MATCH_DISTANCE * head_size[:, None]
        figures.arrived[way] += int((near & counted).sum())
