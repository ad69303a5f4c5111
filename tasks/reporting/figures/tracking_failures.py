"""Figure 9: failure cases of tracking, two tracks on one person and identity switches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray, IntArray
from models.poses.boxes import iou
from tasks.reporting.drawing import track_colour
from tasks.reporting.figures.examples import Example, PaperFigure, best
from tasks.reporting.figures.panels import Panel, joined, region_around
from tasks.reporting.figures.tracked_video import ON_PERSON, ReportedVideo
from tasks.tables.arrays import keypoint_array, list_array

_EACH: Final = 2
_LONGEST_GAP: Final = 5
"""Largest number of frames over which a change of identity counts as a switch."""


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
    """A failure on one person, in one frame or between two."""

    kind: str
    video: ReportedVideo
    rows: tuple[TrackRow, ...]
    person: int | None
    """Annotated identity."""
    overlap: float
    """The smaller of the two overlaps with the person, or of the two with each other."""

    @property
    def rank(self) -> tuple[Any, ...]:
        """Sorts by overlap, the largest first."""
        return (-self.overlap, self.video.video_id, *((row.frame, row.track_id) for row in self.rows))


def figure_9(videos: Sequence[ReportedVideo], *, keypoint_threshold: float) -> PaperFigure:
    """The duplicates and identity switches with the largest overlaps."""
    duplicates = [failure for video in videos for failure in _duplicates(video, _tracks(video))]
    switches = [failure for video in videos if video.is_annotated for failure in _switches(video, _tracks(video))]
    shown = [
        failure
        for kind in (duplicates, switches)
        for failure in best(
            kind, _EACH, rank=lambda candidate: candidate.rank, video_of=lambda candidate: candidate.video.video_id
        )
    ]
    annotated = any(video.is_annotated for video in videos)
    nothing = [] if duplicates else ["No two tracks are on one person."]
    if not switches:
        nothing.append(
            "No identity changes." if annotated else "Identity switches are known only where persons are annotated."
        )
    return PaperFigure(
        9,
        "Figure 9. Failure cases",
        "Two tracks on one person in a frame, and a person whose track changes between two frames. Each track has a "
        "colour and a number. A track is on a person if the intersection over union of their boxes is at least "
        f"{ON_PERSON}. The examples have the largest overlaps; without annotations, of two tracks with each other.",
        [_example(failure, keypoint_threshold) for failure in shown],
        " ".join(nothing),
    )


def _tracks(video: ReportedVideo) -> list[TrackRow]:
    rows, poses = video.tracks, video.poses
    xy, score = keypoint_array(rows).astype(np.float64), list_array(rows, "score")
    columns = (rows[name].to_pylist() for name in ("frame_index", "track_id", "pose_id"))
    rows_of = {int(pose_id): row for row, pose_id in enumerate(poses.pose_id.tolist())}
    return [
        TrackRow(frame, track_id, xy[row], score[row], poses.box_xyxy[rows_of[pose_id]])
        for row, (frame, track_id, pose_id) in enumerate(zip(*columns, strict=True))
        if pose_id in rows_of
    ]


def _duplicates(video: ReportedVideo, tracks: Sequence[TrackRow]) -> Iterator[Failure]:
    for frame in sorted({row.frame for row in tracks}):
        here = [row for row in tracks if row.frame == frame]
        for person, overlap, pair in _pairs_on_one(video, frame, here):
            yield Failure("two tracks on one person", video, pair, person, overlap)


def _pairs_on_one(
    video: ReportedVideo, frame: int, rows: Sequence[TrackRow]
) -> Iterator[tuple[int | None, float, tuple[TrackRow, TrackRow]]]:
    if video.is_annotated:
        persons = np.flatnonzero(video.persons.frame == frame)
        overlap, nearest = _on_persons(video, persons, rows)
        for column, person in enumerate(persons.tolist()):
            on = [row for row in range(len(rows)) if nearest[row] == column]
            on = sorted(on, key=lambda row: (-overlap[row, column], rows[row].track_id))[:2]
            if len(on) == 2:
                identity = int(video.persons.track_id[person])
                yield identity, float(overlap[on[1], column]), (rows[on[0]], rows[on[1]])
        return
    boxes = np.array([row.box_xyxy for row in rows])
    mutual = iou(boxes, boxes)
    for first, second in zip(*np.nonzero(np.triu(mutual, 1) >= ON_PERSON), strict=True):
        yield None, float(mutual[first, second]), (rows[first], rows[second])


def _on_persons(video: ReportedVideo, persons: IntArray, rows: Sequence[TrackRow]) -> tuple[FloatArray, IntArray]:
    """Overlap (rows, persons), and the person that each row is on; -1 where it is on no person."""
    boxes = np.array([row.box_xyxy for row in rows]).reshape(-1, 4)
    overlap = iou(boxes, video.persons.box_xyxy[persons])
    if not overlap.size:
        return overlap, np.full(len(rows), -1, dtype=np.int64)
    return overlap, np.where(overlap.max(axis=1) >= ON_PERSON, overlap.argmax(axis=1), -1).astype(np.int64)


def _switches(video: ReportedVideo, tracks: Sequence[TrackRow]) -> Iterator[Failure]:
    last: dict[int, tuple[TrackRow, float]] = {}
    for frame in sorted({row.frame for row in tracks}):
        here = [row for row in tracks if row.frame == frame]
        persons = np.flatnonzero(video.persons.frame == frame)
        overlap, nearest = _on_persons(video, persons, here)
        for column, person in enumerate(persons.tolist()):
            on = np.flatnonzero(nearest == column)
            if not len(on):
                continue
            identity, row = int(video.persons.track_id[person]), int(on[overlap[on, column].argmax()])
            latest = (here[row], float(overlap[row, column]))
            before = last.get(identity)
            last[identity] = latest
            known = before is not None and any(other.track_id == before[0].track_id for other in (here[i] for i in on))
            if before is not None and not known and frame - before[0].frame <= _LONGEST_GAP:
                smaller = min(before[1], latest[1])
                yield Failure("identity switch", video, (before[0], latest[0]), identity, smaller)


def _example(failure: Failure, keypoint_threshold: float) -> Example:
    frames = sorted({row.frame for row in failure.rows})
    pictures = dict(zip(frames, failure.video.pictures(*frames), strict=True))
    region = region_around([row.box_xyxy for row in failure.rows], pictures[frames[0]])
    panels = []
    for frame in frames:
        panel = Panel(pictures[frame], region, f"frame {frame}")
        for row in (row for row in failure.rows if row.frame == frame):
            colour = track_colour(row.track_id)
            panel.pose(row.xy, row.score >= keypoint_threshold, colour).box(row.box_xyxy, colour)
            panel.label(str(row.track_id), row.box_xyxy[:2] + np.array([2, 8]), colour)
        panels.append(panel)
    ids = " and ".join(str(row.track_id) for row in failure.rows)
    location = failure.video.location(frames[-1])
    person = "" if failure.person is None else f", annotated person {failure.person}"
    caption = f"{failure.kind}, tracks {ids}{person}: {location}; overlap {failure.overlap:.2f}."
    facts: dict[str, Any] = {
        "kind": failure.kind,
        "video_id": failure.video.video_id,
        "frames": frames,
        "tags": failure.video.tags,
        "track_ids": [row.track_id for row in failure.rows],
        "person": failure.person,
        "overlap": failure.overlap,
    }
    return Example(joined(panels), caption[0].upper() + caption[1:], facts)
