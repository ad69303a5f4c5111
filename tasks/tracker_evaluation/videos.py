"""The videos on which trackers are evaluated: ground truth, poses and evidence of each, read from tables."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.compute as pc

from models.arrays import IntArray, Picture
from models.tracking.association import Tracks
from tasks.errors import InputError
from tasks.formats.json_files import load_json
from tasks.formats.points import PointFile
from tasks.formats.posetrack_files import listed_images, read_points
from tasks.inference.evidence import Evidence, read_evidence
from tasks.inference.videos import Video, VideoIndex
from tasks.progress import current
from tasks.scoring.poseval_view import poseval_sequence
from tasks.tables import Table, read_table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, POSES, RECOVERED_POSES
from tasks.tracker_evaluation.metrics import TrackedPoses
from tasks.workspace import Workspace


@dataclass(frozen=True)
class EvaluationVideo:
    """One video with the poses of one box source."""

    entry: Video
    """Its rows of the index."""
    box_source: str
    truth: PointFile
    truth_frame: IntArray
    """Frame of the annotation file for each frame of the video, (frames,)."""
    data: Path
    tables: Path

    @property
    def video_id(self) -> str:
        """Id of the video."""
        return self.entry.video_id

    def pictures(self, frames: Iterable[int]) -> Iterator[tuple[int, Picture]]:
        """Frame index and picture (H,W,3) RGB of the frames, in their order.

        Raises:
            FrameError: a frame cannot be decoded.
        """
        return self.entry.open(self.data).read(list(frames))

    @cached_property
    def evidence(self) -> Evidence:
        """Detected and recovered poses, with the outputs of the correspondence network for them."""
        return read_evidence(self.tables, self.entry, self.box_source)

    @cached_property
    def detected_evidence(self) -> Evidence:
        """The same without the recovered poses."""
        return read_evidence(self.tables, self.entry, self.box_source, with_recovered=False)

    def tracked(self, evidence: Evidence, tracks: Tracks) -> TrackedPoses:
        """Keypoints and scores of tracks that were made from `evidence`."""
        xy, score = evidence.poses.xy(tracks.pose_id), evidence.poses.score(tracks.pose_id)
        return TrackedPoses(self.truth_frame[tracks.frame_index], tracks.track_id, xy, score)

    def stored(self, table: Table) -> TrackedPoses:
        """The tracks of a table, tracks or merged_tracks."""
        rows = read_table(table, table.path(self.tables, self.video_id))
        rows = rows.filter(pc.field("box_source") == self.box_source)
        frames, ids = (np.asarray(rows[name].to_numpy(), dtype=np.int64) for name in ("frame_index", "track_id"))
        return TrackedPoses(self.truth_frame[frames], ids, keypoint_array(rows), list_array(rows, "score"))


_ALL_EVIDENCE: Final = (POSES, RECOVERED_POSES, AFFINITIES, CORRESPONDENCES)


def evaluation_videos(
    workspace: Workspace, split: str, box_source: str, *, needed: tuple[Table, ...] = _ALL_EVIDENCE
) -> list[EvaluationVideo]:
    """Videos of a split with the needed tables and usable ground truth; a notice names each of the others."""
    return list(_evaluation_videos(workspace, split, box_source, needed))


def _evaluation_videos(
    workspace: Workspace, split: str, box_source: str, needed: tuple[Table, ...]
) -> Iterator[EvaluationVideo]:
    index = VideoIndex(workspace.tables)
    for video_id in index.with_tables(*needed):
        video = index.video(video_id)
        source = video.row["source"]
        if video.row["split"] != split or not source or not video.row["labelled_frame_count"]:
            continue
        try:
            truth = read_points(source, load_json(workspace.data / source), is_truth=True)
            poseval_sequence(video_id, truth, truth, sequence_index=0)
            images = listed_images(workspace.data / source)
        except InputError as error:
            current().notice(f"{video_id} is left out of the paper's tables: {error}")
            continue
        position = {image["id"]: number for number, image in enumerate(images)}
        truth_frame = np.array([position[frame["image_id"]] for frame in video.frames], dtype=np.int64)
        yield EvaluationVideo(video, box_source, truth, truth_frame, workspace.data, workspace.tables)
