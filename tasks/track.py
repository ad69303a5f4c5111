"""Stage track: associate poses to tracks, from tables alone (5.2, A.3).

Tracks keep every keypoint with its score: `track.output_keypoint_threshold` is applied when tracks are exported and
scored, so that tracks do not depend on it (Table 3).
"""

from collections import Counter
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from tasks.inference.tracking import associate, matcher_of, read_evidence, track_rows
from tasks.inference.video_tables import write_video_tables
from tasks.inference.videos import VideoIndex
from tasks.progress import current
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, DETECTIONS, POSES, RECOVERED_POSES, TRACKS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params
    from tasks.params.track import TrackParams

_MANY: Final = 0.5
"""Poses in short tracks, as a share of those in tracks, that are worth a word."""


def run(workspace: Workspace, params: "Params") -> None:
    """Track every video that recover has finished, each box source by itself.

    A video with poses of which none comes into a track is rejected with the counts.
    """
    index = VideoIndex(workspace.tables)
    dropped: Counter[str] = Counter()

    def rows_of(video_id: str) -> pa.Table:
        video = index.video(video_id)
        parts, left_out = [], Counter[str]()
        for box_source in params.detect.box_sources:
            evidence = read_evidence(workspace.tables, video, box_source)
            tracks = associate(evidence, matcher_of(evidence, params.track), params.track)
            left_out.update(pose.reason for pose in tracks.dropped)
            parts.append(track_rows(video_id, box_source, evidence, tracks))
        rows = pa.concat_tables(parts)
        if left_out and not len(rows):
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
            current().reject(
                video_id, "", f"expected tracks, got none: all {left_out.total()} poses are left out: {counts}"
            )
        dropped.update(left_out)
        return rows

    videos = index.with_tables(DETECTIONS, POSES, RECOVERED_POSES, AFFINITIES, CORRESPONDENCES)
    rows = write_video_tables(TRACKS, videos, rows_of, workspace=workspace)
    current().summary(poses_in_tracks=rows, poses_left_out=dict(sorted(dropped.items())))
    if rows and dropped["short track"] >= _MANY * rows:
        current().notice(_short_tracks(dropped["short track"], rows, params.track))


def _short_tracks(count: int, in_tracks: int, section: "TrackParams") -> str:
    """What to know where many poses are left out since nothing continues them."""
    tau = "tau_corr" if section.maps == "refined" else "tau_corr_siamese"
    return (
        f"{count} poses are left out as tracks of fewer than {section.min_track_frames} frames, {in_tracks} are in "
        f"tracks: affinities up to track.{tau} {getattr(section, tau):g} continue no track, and how high they are "
        "depends on the network and on recover.frame_size_px; try a lower one, or track.mode propagated"
    )
