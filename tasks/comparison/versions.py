"""A finished run as it is compared: its params, its stages' digests, and its tracks scored against the annotations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from models.arrays import IntArray
from models.metrics.pose_errors import count_pose_answers
from models.metrics.sequence import UndefinedMetricError
from models.metrics.tracking_events import TrackingEvents, tracking_events
from tasks.content_key import file_digest
from tasks.errors import InputError
from tasks.reporting.origin import origin_of_record
from tasks.run_digests import params_digest
from tasks.scoring.poseval_view import poseval_sequence
from tasks.tables import Table
from tasks.tables.schemas import MERGED_TRACKS, TRACKS
from tasks.tracker_evaluation.metrics import VideoScore, predicted_points, score_video
from tasks.tracker_evaluation.videos import EvaluationVideo, evaluation_videos
from tasks.workspace import Workspace

TABLES: Final[Mapping[str, Table]] = {"tracks": TRACKS, "merged tracks": MERGED_TRACKS}


@dataclass(frozen=True)
class Version:
    """One finished run.

    Attributes:
        name: as the user named it.
        workspace: folders of its data and results.
        params: its params, by section.
        stages: entries of its dvc.lock by stage; empty for an out folder.
        records: provenance of its stages by name, as far as it is at hand.
        digests: of its data and weights, by path.
    """

    name: str
    workspace: Workspace
    params: Mapping[str, Any]
    stages: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def box_source(self) -> str:
        """Tracks on detected boxes are compared; those on annotated boxes only where there are no others."""
        sources = self.params["detect"]["box_sources"]
        return "detected" if "detected" in sources else str(sources[0])

    def origin(self) -> dict[str, Any]:
        """What it comes from, for pages and JSON."""
        facts = {"params": params_digest(self.params), "seed": self.params["run"]["seed"], **self.digests}
        return origin_of_record(self.name, self.records.get("track", {}), facts)

    def output_threshold(self) -> float:
        """Keypoints below it are no part of the answer.

        Raises:
            InputError: the params are of an older layout.
        """
        value = self.params["track"].get("output_keypoint_threshold")
        if value is None:
            raise InputError(
                f"{self.name}: expected track.output_keypoint_threshold in its params.yaml, got none; it is older than "
                "this layout of params and cannot be compared"
            )
        return float(value)


@dataclass(frozen=True)
class ScoredVideo:
    """The tracks of one annotated video against its annotations."""

    video: EvaluationVideo
    truth_sha256: str
    """Digest of the annotation file."""
    score: VideoScore
    events: TrackingEvents
    frame_index: np.typing.NDArray[np.int64]
    """Frame of the video of each event."""
    answers: IntArray
    """Annotated joints by joint and answer, as `count_pose_answers` has them."""


def scored_videos(version: Version, kind: str) -> Iterator[ScoredVideo]:
    """Every annotated validation video that has tracks, scored; `kind` is a key of TABLES.

    Raises:
        InputError: the params are of an older layout.
    """
    table, threshold = TABLES[kind], version.output_threshold()
    splits = version.params["score"]["splits"]
    for split in splits:
        for video in evaluation_videos(version.workspace, split, version.box_source, needed=(table,)):
            yield _scored(video, table, threshold)


def _scored(video: EvaluationVideo, table: Table, threshold: float) -> ScoredVideo:
    tracks = video.stored(table)
    score = score_video(video.video_id, video.truth, tracks, output_keypoint_threshold=threshold)
    predicted = predicted_points(video.truth, tracks, output_keypoint_threshold=threshold)
    sequence = poseval_sequence(video.video_id, video.truth, predicted, sequence_index=0)
    try:
        events = tracking_events(sequence)
    except UndefinedMetricError as error:
        raise InputError(f"{video.video_id}: its errors cannot be listed: {error}") from error
    annotated_frames = np.unique(video.truth.person_frame)
    frames = annotated_frames[events.frame] if len(events) else events.frame
    position = {int(frame): index for index, frame in enumerate(video.truth_frame)}
    source = video.data / str(video.entry.row["source"])
    return ScoredVideo(
        video=video,
        truth_sha256=file_digest(source),
        score=score,
        events=events,
        frame_index=np.array([position[int(frame)] for frame in frames], dtype=np.int64),
        answers=count_pose_answers(sequence),
    )
