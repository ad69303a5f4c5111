"""What happens to the identities of a video with a clip: who is there, switches, merges, and its worst moments."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from models.arrays import IntArray
from models.metrics.sequence import UndefinedMetricError
from models.metrics.tracking_events import EVENT_KINDS, TrackingEvents, tracking_events
from tasks.errors import InputError
from tasks.formats.json_files import load_json
from tasks.formats.posetrack_files import listed_images, read_points
from tasks.fresh_videos import FreshVideos
from tasks.inference.videos import Video, VideoIndex
from tasks.reporting.annotated_poses import packed_poses
from tasks.reporting.charts.timeline import Mark, Timeline, TimelineRow, joined_spans
from tasks.reporting.drawing import track_colour
from tasks.reporting.gather import Row
from tasks.reporting.labels import counted
from tasks.scoring.poseval_view import poseval_sequence
from tasks.tables import Table, read_table
from tasks.tables.schemas import MERGED_TRACKS, TRACKS
from tasks.tracker_evaluation.metrics import predicted_points
from tasks.tracker_evaluation.videos import EvaluationVideo
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_MOST_MOMENTS: Final = 5
"""Of switches, and of frames with misses and false positives."""
_MISS, _SWITCH, _FALSE = range(len(EVENT_KINDS))


@dataclass(frozen=True)
class TimelineTruth:
    """The annotated identities of a video and the errors of its tracks."""

    frames_of: Mapping[int, list[int]]
    """Frames of each annotated identity."""
    labelled: list[int]
    """Frames in which persons are annotated, ascending."""
    events: TrackingEvents
    frame: IntArray
    """Frame of the video of each event."""
    poses: str = ""
    """The annotated poses, packed for the page; empty where there are too many."""


def timelines(workspace: Workspace, params: "Params", video_ids: Iterable[str]) -> dict[str, Row]:
    """Picture, clip's rate, moments, annotated poses and a note of each of the videos that has tracks, by video.

    Those of unchanged tables and annotations are not made again.
    """
    wanted = list(video_ids)
    if not wanted:
        return {}
    index = VideoIndex(workspace.tables)
    known = set(index.with_tables(TRACKS))
    parts = [params.track.output_keypoint_threshold, params.report.clip_frames_per_second]
    fresh = FreshVideos(workspace, "report", parts, record="timelines")
    drawn = {name: _timeline_if_stale(workspace, params, index, name, fresh=fresh) for name in wanted if name in known}
    fresh.keep()
    return drawn


def _timeline_if_stale(
    workspace: Workspace, params: "Params", index: VideoIndex, video_id: str, *, fresh: FreshVideos
) -> Row:
    row = index.row(video_id)
    inputs = [table.path(workspace.tables, video_id) for table in (TRACKS, MERGED_TRACKS)]
    inputs += [workspace.data / row["source"]] if row["source"] else []
    key = fresh.key(inputs, [repr(sorted(row.items())), index.frame_bytes(video_id).hex()])
    if (facts := fresh.facts(video_id, key)) is None:
        facts = _timeline(workspace, params, index.video(video_id))
        fresh.record(video_id, key, [], facts)
    return dict(facts) | {"picture": Markup(facts["picture"])}  # noqa: S704  the record is this program's


def _timeline(workspace: Workspace, params: "Params", video: Video) -> Row:
    table = MERGED_TRACKS if MERGED_TRACKS.path(workspace.tables, video.video_id).is_file() else TRACKS
    rows = read_table(table, table.path(workspace.tables, video.video_id)).filter(pc.field("box_source") == "detected")
    note, truth = "", None
    if not video.row["source"] or not video.row["labelled_frame_count"]:
        note = "Nobody is annotated in this video, so switches, misses and false positives are unknown."
    else:
        try:
            truth = _truth(workspace, video, table, params.track.output_keypoint_threshold)
        except (InputError, UndefinedMetricError) as error:
            note = f"Switches, misses and false positives are unknown: {error}"
    groups = {"Annotated persons": person_rows(truth)} if truth else {}
    groups["Merged tracks" if table is MERGED_TRACKS else "Tracks"] = track_rows(rows)
    return {
        "picture": Timeline(video.video_id, video.row["frame_count"], groups).picture,
        "rate": video.row["frames_per_second"] or params.report.clip_frames_per_second,
        "moments": worst_moments(truth) if truth else [],
        "poses": truth.poses if truth else "",
        "note": note,
    }


def _truth(workspace: Workspace, video: Video, table: Table, threshold: float) -> TimelineTruth:
    """Ground truth beside the tracks that the clip shows.

    Raises:
        InputError: the annotation file cannot be read or scored.
        UndefinedMetricError: an identity is annotated twice in a frame.
    """
    source = video.row["source"]
    points = read_points(source, load_json(workspace.data / source), is_truth=True)
    position = {image["id"]: number for number, image in enumerate(listed_images(workspace.data / source))}
    truth_frame = np.array([position[frame["image_id"]] for frame in video.frames], dtype=np.int64)
    scored = EvaluationVideo(video, "detected", points, truth_frame, workspace.data, workspace.tables)
    predicted = predicted_points(points, scored.stored(table), output_keypoint_threshold=threshold)
    events = tracking_events(poseval_sequence(video.video_id, points, predicted, sequence_index=0))
    frame_of = {int(frame): index for index, frame in enumerate(truth_frame)}
    labelled = np.unique(points.person_frame)
    frames_of: dict[int, list[int]] = {}
    for frame, person in zip(points.person_frame.tolist(), points.track_id.tolist(), strict=True):
        if not np.isnan(person):
            frames_of.setdefault(int(person), []).append(frame_of[frame])
    frame = np.array([frame_of[int(labelled[index])] for index in events.frame], dtype=np.int64)
    sides = {side: video.row[side] or 0 for side in ("width", "height")}
    poses = packed_poses(points, frame_of, **sides)
    return TimelineTruth(frames_of, sorted(frame_of[int(index)] for index in labelled), events, frame, poses)


def person_rows(truth: TimelineTruth) -> list[TimelineRow]:
    """A row for each annotated identity, with its switches."""
    marks: dict[int, list[Mark]] = {}
    for frame, person, tracks in _switches(truth):
        sentence = f"{counted(tracks.total(), 'joint')} of person {person} {_verb(tracks)} to {_named(tracks)}"
        marks.setdefault(person, []).append(Mark(frame, "switch", sentence))
    order = {frame: number for number, frame in enumerate(truth.labelled)}
    rows = []
    for person, frames in sorted(truth.frames_of.items()):
        # frames between two labelled ones are no gap
        spans = joined_spans([(order[frame], order[frame]) for frame in frames], 0)
        shown = tuple((truth.labelled[first], truth.labelled[last]) for first, last in spans)
        rows.append(TimelineRow(f"person {person}", shown, "", tuple(marks.get(person, ()))))
    return rows


def _switches(truth: TimelineTruth) -> list[tuple[int, int, Counter[int]]]:
    """Frame, person, and number of joints by the track that they switch to."""
    chosen = np.flatnonzero(truth.events.kind == _SWITCH)
    columns = (truth.frame[chosen], truth.events.person[chosen], truth.events.track[chosen])
    joints = sorted((int(f), int(person), int(track)) for f, person, track in zip(*columns, strict=True))
    grouped = groupby(joints, key=lambda row: row[:2])
    return [(frame, person, Counter(row[2] for row in rows)) for (frame, person), rows in grouped]


def _verb(tracks: Counter[int]) -> str:
    return "switches" if tracks.total() == 1 else "switch"


def _named(tracks: Counter[int]) -> str:
    return " and ".join(f"track {track}" for track in sorted(tracks))


def track_rows(rows: pa.Table) -> list[TimelineRow]:
    """A row for each track in its colour of the clips, with its merges."""
    has_sources = "source_track_id" in rows.schema.names
    poses: dict[int, list[tuple[int, int]]] = {}
    sources = rows["source_track_id" if has_sources else "track_id"].to_pylist()
    for track, frame, source in zip(
        rows["track_id"].to_pylist(), rows["frame_index"].to_pylist(), sources, strict=True
    ):
        poses.setdefault(track, []).append((frame, source))
    return [_track_row(track, sorted(of_track)) for track, of_track in sorted(poses.items())]


def _track_row(track: int, poses: list[tuple[int, int]]) -> TimelineRow:
    seen, marks = [poses[0][1]], []
    for frame, source in poses:
        if source not in seen:
            marks.append(Mark(frame, "merge", f"track {seen[-1]} goes on as track {source}, merged into {track}"))
            seen.append(source)
    spans = joined_spans([(frame, frame) for frame, _ in poses], 0)
    colour = "#{:02x}{:02x}{:02x}".format(*track_colour(track))
    return TimelineRow(f"track {track}", tuple(spans), colour, tuple(marks))


def worst_moments(truth: TimelineTruth) -> list[Row]:
    """Frames with a sentence each: most switched joints first, then most misses and false positives."""
    switched: dict[int, list[tuple[int, Counter[int]]]] = {}
    for frame, person, tracks in _switches(truth):
        switched.setdefault(frame, []).append((person, tracks))
    totals = {frame: sum(tracks.total() for _, tracks in people) for frame, people in switched.items()}
    moments = [
        {"frame": frame, "text": f"{counted(totals[frame], 'joint')} {_changes(totals[frame], switched[frame])}"}
        for frame in sorted(totals, key=lambda frame: (-totals[frame], frame))[:_MOST_MOMENTS]
    ]
    missed, false = (Counter(truth.frame[truth.events.kind == kind].tolist()) for kind in (_MISS, _FALSE))
    wrong = missed + false
    for frame in sorted(wrong, key=lambda frame: (-wrong[frame], frame))[:_MOST_MOMENTS]:
        counts = f"{counted(missed[frame], 'joint')} missed, {counted(false[frame], 'false positive')}"
        moments.append({"frame": frame, "text": counts})
    return moments


def _changes(total: int, people: list[tuple[int, Counter[int]]]) -> str:
    who = "; ".join(f"person {person} to {_named(tracks)}" for person, tracks in people)
    return f"{'switches' if total == 1 else 'switch'} identity: {who}"
