"""Figure 9: failure cases of tracking, two tracks on one person and identities that change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray, IntArray
from models.poses.boxes import iou
from tasks.reporting.clips import track_colour
from tasks.reporting.figures.examples import Example, Figure, best
from tasks.reporting.figures.panels import Panel, joined, region_around
from tasks.reporting.figures.tracked_video import ON_PERSON, Footage
from tasks.tables.arrays import keypoint_array, list_array

_EACH: Final = 2
_LONGEST_GAP: Final = 5
"""Frames between which a change of identity is still looked for."""


@dataclass(frozen=True)
class TrackRow:
    """One pose of a track."""

    frame: int
    track_id: int
    xy: FloatArray
    score: FloatArray
    box_xyxy: FloatArray


@dataclass(frozen=True)
class Failure:
    """What went wrong with one person, in one frame or between two."""

    kind: str
    footage: Footage
    rows: tuple[TrackRow, ...]
    person: int | None
    """Annotated identity."""
    overlap: float
    """The smaller of the two overlaps with the person, or of the two with each other."""

    @property
    def rank(self) -> tuple[Any, ...]:
        """The clearest first."""
        return (-self.overlap, self.footage.video_id, *((row.frame, row.track_id) for row in self.rows))


def figure_9(footages: Sequence[Footage], *, joint_threshold: float) -> Figure:
    """The clearest duplicates and identity switches."""
    duplicates = [one for footage in footages for one in _duplicates(footage, _tracks(footage))]
    switches = [one for footage in footages if footage.is_annotated for one in _switches(footage, _tracks(footage))]
    shown = [
        one
        for kind in (duplicates, switches)
        for one in best(kind, _EACH, rank=lambda one: one.rank, video=lambda one: one.footage.video_id)
    ]
    annotated = any(footage.is_annotated for footage in footages)
    nothing = [] if duplicates else ["No two tracks are on one person."]
    if not switches:
        nothing.append("No identity changes." if annotated else "Without annotations no change of identity is known.")
    return Figure(
        9,
        "Figure 9. Failure cases",
        "Two tracks on one person in a frame; and a person whose track changes between two frames. A colour and a "
        f"number are one track. A track is on a person if their boxes overlap by at least {ON_PERSON} (intersection "
        "over union). Chosen: the largest overlaps; without annotations, of two tracks with each other.",
        [_example(one, joint_threshold) for one in shown],
        " ".join(nothing),
    )


def _tracks(footage: Footage) -> list[TrackRow]:
    rows, poses = footage.tracks, footage.poses
    xy, score = keypoint_array(rows).astype(np.float64), list_array(rows, "score")
    columns = (rows[name].to_pylist() for name in ("frame_index", "track_id", "pose_id"))
    places = {int(pose_id): place for place, pose_id in enumerate(poses.pose_id.tolist())}
    return [
        TrackRow(frame, track_id, xy[row], score[row], poses.box_xyxy[places[pose_id]])
        for row, (frame, track_id, pose_id) in enumerate(zip(*columns, strict=True))
        if pose_id in places
    ]


def _duplicates(footage: Footage, tracks: Sequence[TrackRow]) -> Iterator[Failure]:
    for frame in sorted({row.frame for row in tracks}):
        here = [row for row in tracks if row.frame == frame]
        for person, overlap, pair in _pairs_on_one(footage, frame, here):
            yield Failure("two tracks on one person", footage, pair, person, overlap)


def _pairs_on_one(
    footage: Footage, frame: int, here: Sequence[TrackRow]
) -> Iterator[tuple[int | None, float, tuple[TrackRow, TrackRow]]]:
    if footage.is_annotated:
        persons = np.flatnonzero(footage.persons.frame == frame)
        overlap, nearest = _on_persons(footage, persons, here)
        for column, person in enumerate(persons.tolist()):
            on = [row for row in range(len(here)) if nearest[row] == column]
            on = sorted(on, key=lambda row: (-overlap[row, column], here[row].track_id))[:2]
            if len(on) == 2:
                identity = int(footage.persons.track_id[person])
                yield identity, float(overlap[on[1], column]), (here[on[0]], here[on[1]])
        return
    boxes = np.array([row.box_xyxy for row in here])
    mutual = iou(boxes, boxes)
    for first, second in zip(*np.nonzero(np.triu(mutual, 1) >= ON_PERSON), strict=True):
        yield None, float(mutual[first, second]), (here[first], here[second])


def _on_persons(footage: Footage, persons: IntArray, rows: Sequence[TrackRow]) -> tuple[FloatArray, IntArray]:
    """Overlap (rows, persons), and the person that each row is on; -1 where on nobody."""
    boxes = np.array([row.box_xyxy for row in rows]).reshape(-1, 4)
    overlap = iou(boxes, footage.persons.box_xyxy[persons])
    if not overlap.size:
        return overlap, np.full(len(rows), -1, dtype=np.int64)
    return overlap, np.where(overlap.max(axis=1) >= ON_PERSON, overlap.argmax(axis=1), -1).astype(np.int64)


def _switches(footage: Footage, tracks: Sequence[TrackRow]) -> Iterator[Failure]:
    last: dict[int, tuple[TrackRow, float]] = {}
    for frame in sorted({row.frame for row in tracks}):
        here = [row for row in tracks if row.frame == frame]
        persons = np.flatnonzero(footage.persons.frame == frame)
        overlap, nearest = _on_persons(footage, persons, here)
        for column, person in enumerate(persons.tolist()):
            on = np.flatnonzero(nearest == column)
            if not len(on):
                continue
            identity, row = int(footage.persons.track_id[person]), int(on[overlap[on, column].argmax()])
            found = (here[row], float(overlap[row, column]))
            before = last.get(identity)
            last[identity] = found
            known = before is not None and any(other.track_id == before[0].track_id for other in (here[i] for i in on))
            if before is not None and not known and frame - before[0].frame <= _LONGEST_GAP:
                smaller = min(before[1], found[1])
                yield Failure("identity switch", footage, (before[0], found[0]), identity, smaller)


def _example(one: Failure, joint_threshold: float) -> Example:
    frames = sorted({row.frame for row in one.rows})
    pictures = dict(zip(frames, one.footage.pictures(*frames), strict=True))
    region = region_around([row.box_xyxy for row in one.rows], pictures[frames[0]])
    panels = []
    for frame in frames:
        panel = Panel(pictures[frame], region, f"frame {frame}")
        for row in (row for row in one.rows if row.frame == frame):
            colour = track_colour(row.track_id)
            panel.pose(row.xy, row.score >= joint_threshold, colour).box(row.box_xyxy, colour)
            panel.label(str(row.track_id), row.box_xyxy[:2] + np.array([2, 8]), colour)
        panels.append(panel)
    ids = " and ".join(str(row.track_id) for row in one.rows)
    whom = "" if one.person is None else f", annotated person {one.person}"
    caption = f"{one.kind}, tracks {ids}{whom}: {one.footage.place(frames[-1])}; overlap {one.overlap:.2f}."
    facts: dict[str, Any] = {
        "kind": one.kind,
        "video_id": one.footage.video_id,
        "frames": frames,
        "tags": one.footage.tags,
        "track_ids": [row.track_id for row in one.rows],
        "person": one.person,
        "overlap": one.overlap,
    }
    return Example(joined(panels), caption[0].upper() + caption[1:], facts)
