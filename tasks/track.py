"""Stage track: associate poses to tracks, from tables alone (5.2, A.3).

Tracks keep every keypoint with its score: `track.output_keypoint_threshold` is applied when tracks are exported and
scored, so that tracks do not depend on it (Table 3).
"""

from collections import Counter
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from tasks.fresh_videos import FreshVideos
from tasks.inference.tracking import associate, matcher_of, read_evidence, track_rows
from tasks.inference.video_tables import write_video_tables
from tasks.inference.videos import Video, VideoIndex
from tasks.progress import current
from tasks.tables import read_table
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
    dropped: dict[str, Counter[str]] = {}

    def rows_of(video_id: str) -> pa.Table:
        video = index.video(video_id)
        key = fresh.key([table.path(workspace.tables, video_id) for table in _INPUTS], [video.row, video.frames])
        keys[video_id], known = key, fresh.facts(video_id, key)
        if known is None:
            rows, dropped[video_id] = _tracked(workspace, video, params)
        else:
            rows, dropped[video_id] = read_table(TRACKS, TRACKS.path(workspace.tables, video_id)), Counter(known)
        if (left_out := dropped[video_id]) and not len(rows):
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
            current().reject(
                video_id, "", f"expected tracks, got none: all {left_out.total()} poses are left out: {counts}"
            )
        return rows

    rows = write_video_tables(TRACKS, index.with_tables(*_INPUTS), rows_of, workspace=workspace)
    for video_id in dropped:
        fresh.record(video_id, keys[video_id], [TRACKS.path(workspace.tables, video_id)], dropped[video_id])
    fresh.keep()
    total = sum(dropped.values(), Counter[str]())
    current().summary(poses_in_tracks=rows, poses_left_out=dict(sorted(total.items())))
    if rows and total["short track"] >= _MANY * rows:
        current().notice(_short_tracks(total["short track"], rows, params.track))


def _tracked(workspace: Workspace, video: Video, params: "Params") -> tuple[pa.Table, Counter[str]]:
    """Rows of the table tracks of a video, and how many poses are left out by reason."""
    parts, left_out = [], Counter[str]()
    for box_source in params.detect.box_sources:
        evidence = read_evidence(workspace.tables, video, box_source)
        tracks = associate(evidence, matcher_of(evidence, params.track), params.track)
        left_out.update(pose.reason for pose in tracks.dropped)
        parts.append(track_rows(video.video_id, box_source, evidence, tracks))
    return pa.concat_tables(parts), left_out


def _short_tracks(count: int, in_tracks: int, section: "TrackParams") -> str:
    """What to know where many poses are left out since nothing continues them."""
    tau = "tau_corr" if section.maps == "refined" else "tau_corr_siamese"
    return (
        f"{count} poses are left out as tracks of fewer than {section.min_track_frames} frames, {in_tracks} are in "
        f"tracks: affinities up to track.{tau} {getattr(section, tau):g} continue no track, and how high they are "
        "depends on the network and on recover.frame_size_px; try a lower one, or track.mode propagated"
    )
