"""Which errors of a second run are new, gone or common, and the moments where the two differ most."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import IntArray
from models.keypoints import POSEVAL_JOINTS
from models.metrics.pose_errors import POSE_ANSWERS
from models.metrics.tracking_events import EVENT_KINDS, EventKind, new_events
from tasks.comparison.versions import ScoredVideo

RADIUS_HEADS: Final = 0.5
"""False positives of two runs are the same error within this distance, in head sizes (PCKh's own threshold)."""
_WEIGHT: Final[Mapping[EventKind, int]] = {"switch": 5, "miss": 1, "false positive": 1}
"""What an event adds to the weight of a moment: a switch spoils the rest of a track."""


@dataclass(frozen=True)
class Moment:
    """Errors of one kind about one person in one frame, that only one of the two runs makes."""

    video_id: str
    frame_index: int
    kind: EventKind
    change: str
    """new: only the second run makes them; gone: only the first."""
    person: int | None
    """Annotated identity; None for false positives."""
    track: int | None
    """Predicted identity; None for misses."""
    joints: tuple[str, ...]

    @property
    def weight(self) -> int:
        """How much the moment matters."""
        return _WEIGHT[self.kind] * len(self.joints)

    def row(self) -> dict[str, Any]:
        """The moment as JSON values."""
        return {**vars(self), "joints": list(self.joints), "weight": self.weight}


@dataclass(frozen=True)
class VideoErrors:
    """Errors of one video, counted in joints."""

    video_id: str
    counts: dict[str, dict[str, int]]
    """By kind: new, gone, common."""
    moments: list[Moment]

    @property
    def balance(self) -> int:
        """Weight of the new errors less that of the gone ones: positive where the second run is worse."""
        return sum(moment.weight * (1 if moment.change == "new" else -1) for moment in self.moments)


def compare_errors(first: ScoredVideo, second: ScoredVideo) -> VideoErrors:
    """Errors of two runs on the same video."""
    radius_px = RADIUS_HEADS * _head_size(second)
    counts: dict[str, dict[str, int]] = {}
    moments: list[Moment] = []
    for kind in EVENT_KINDS:
        new = new_events(second.events, first.events, kind, radius_px=radius_px)
        gone = new_events(first.events, second.events, kind, radius_px=radius_px)
        total = int((second.events.kind == EVENT_KINDS.index(kind)).sum())
        counts[kind] = {"new": len(new), "gone": len(gone), "common": total - len(new)}
        moments += _moments(second, new, kind, "new") + _moments(first, gone, kind, "gone")
    return VideoErrors(second.video.video_id, counts, sorted(moments, key=_order))


def _order(moment: Moment) -> tuple[int, int, str, str, int, int]:
    person, track = (-1 if identity is None else identity for identity in (moment.person, moment.track))
    return (-moment.weight, moment.frame_index, moment.kind, moment.change, person, track)


def _moments(scored: ScoredVideo, rows: Any, kind: EventKind, change: str) -> list[Moment]:
    events = scored.events
    grouped: dict[tuple[int, int | None, int | None], list[str]] = {}
    for row in rows:
        key = (int(scored.frame_index[row]), _identity(events.person[row]), _identity(events.track[row]))
        grouped.setdefault(key, []).append(POSEVAL_JOINTS[events.joint[row]])
    return [
        Moment(scored.video.video_id, frame, kind, change, person, track, tuple(joints))
        for (frame, person, track), joints in grouped.items()
    ]


def _identity(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def _head_size(scored: ScoredVideo) -> float:
    """Median head size of the annotated persons, px."""
    corners = scored.video.truth.head_xyxy[scored.video.truth.has_head]
    sides = corners[:, 2:] - corners[:, :2]
    return float(np.median(0.6 * np.sqrt((sides**2).sum(axis=1)))) if len(sides) else 0.0


def totals(videos: list[VideoErrors]) -> dict[str, dict[str, int]]:
    """Counts of all videos together, by kind: new, gone, common."""
    counters: dict[str, Counter[str]] = {kind: Counter() for kind in EVENT_KINDS}
    for video in videos:
        for kind, counts in video.counts.items():
            counters[kind].update(counts)
    return {kind: {name: counts[name] for name in ("new", "gone", "common")} for kind, counts in counters.items()}


def pose_answers(first: Sequence[ScoredVideo], second: Sequence[ScoredVideo]) -> list[dict[str, Any]]:
    """How annotated joints are answered by both runs: all together (an empty name), then by joint.

    Args:
        first: the videos of the first run, at least one.
        second: the same videos of the second run.
    """
    sides = {
        name: sum((video.answers for video in videos[1:]), videos[0].answers)
        for name, videos in (("first", first), ("second", second))
    }
    rows: list[dict[str, Any]] = [{"joint": ""} | {name: _named(side.sum(axis=0)) for name, side in sides.items()}]
    for index, joint in enumerate(POSEVAL_JOINTS):
        rows.append({"joint": joint} | {name: _named(side[index]) for name, side in sides.items()})
    return rows


def _named(counts: IntArray) -> dict[str, int]:
    return dict(zip(POSE_ANSWERS, counts.tolist(), strict=True))
