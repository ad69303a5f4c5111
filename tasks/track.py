"""Stage track: associate poses to tracks, from tables alone (5.2, A.3).

Tracks keep every keypoint with its score: `track.output_keypoint_threshold` is applied when tracks are exported and
scored, so that tracks do not depend on it (Table 3).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from tasks.fresh_videos import FreshVideos
from tasks.inference.tracking import associate_windows, track_rows
from tasks.inference.video_tables import write_video_tables
from tasks.inference.videos import Video, VideoIndex
from tasks.progress import current
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, DETECTIONS, POSES, RECOVERED_POSES, TRACKS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params
    from tasks.params.track import TrackParams

_MANY: Final = 0.5
"""Poses in short tracks, as a share of those in tracks, that are worth a word."""

_INPUTS: Final = (DETECTIONS, POSES, RECOVERED_POSES, AFFINITIES, CORRESPONDENCES)


def run(workspace: Workspace, params: "Params") -> None:
    """Track every video that recover has finished, each box source by itself; unchanged ones keep their tracks.

    A video with poses of which none comes into a track is rejected with the counts.
    """
    index = VideoIndex(workspace.tables)
    fresh = FreshVideos(workspace, "track", [params.track.model_dump(mode="json"), list(params.detect.box_sources)])
    keys: dict[str, str] = {}
    """Of the videos that are tracked now."""
    dropped: dict[str, Counter[str]] = {}

    def rows_of(video_id: str) -> Iterable[pa.Table] | int:
        inputs = [table.path(workspace.tables, video_id) for table in _INPUTS]
        key = fresh.key(inputs, [index.row(video_id), index.frame_bytes(video_id)])
        if (known := fresh.facts(video_id, key)) is not None:
            dropped[video_id] = Counter(known["dropped"])
            return int(known["rows"])
        keys[video_id], dropped[video_id] = key, Counter()
        return _rows(workspace, index.video(video_id), params, dropped[video_id])

    row_counts = write_video_tables(TRACKS, index.with_tables(*_INPUTS), rows_of, workspace=workspace)
    for video_id, count in row_counts.items():
        if dropped[video_id] and not count:
            current().reject(video_id, "", _no_tracks(dropped[video_id]))
        if video_id in keys:
            facts = {"rows": count, "dropped": dropped[video_id]}
            fresh.record(video_id, keys[video_id], [TRACKS.path(workspace.tables, video_id)], facts)
    fresh.keep()
    rows, total = sum(row_counts.values()), sum(map(dropped.__getitem__, row_counts), Counter[str]())
    current().summary(poses_in_tracks=rows, poses_left_out=dict(sorted(total.items())))
    if rows and total["short track"] >= _MANY * rows:
        current().notice(_short_tracks(total["short track"], rows, params.track))


def _rows(workspace: Workspace, video: Video, params: "Params", dropped: Counter[str]) -> Iterator[pa.Table]:
    """Yield the tracks of a video in blocks, box source by box source; add up in `dropped` why poses are left out."""
    for source in sorted(params.detect.box_sources):
        tracks = associate_windows(workspace.tables, video, source, params.track)
        dropped.update(pose.reason for pose in tracks.dropped)
        yield from track_rows(workspace.tables, video, source, tracks)


def _no_tracks(dropped: Counter[str]) -> str:
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
    return f"expected tracks, got none: all {dropped.total()} poses are left out: {counts}"


def _short_tracks(count: int, in_tracks: int, section: "TrackParams") -> str:
    """What to know where many poses are left out since nothing continues them."""
    tau = "tau_corr" if section.maps == "refined" else "tau_corr_siamese"
    return (
        f"{count} poses are left out as tracks of fewer than {section.min_track_frames} frames, {in_tracks} are in "
        f"tracks: affinities up to track.{tau} {getattr(section, tau):g} continue no track, and how high they are "
        "depends on the network and on recover.frame_size_px; try a lower one, or track.mode propagated"
    )
