"""What tracking reads of a video: its poses, and how they correspond to later frames; whole, or window by window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import IntArray
from models.poses.frame_poses import FramePoses, VideoPoses, join_poses
from models.tracking.correspondences import MAP_KINDS, Affinities, PropagatedPoses
from tasks.inference.video_tables import PosesByFrame
from tasks.inference.videos import Video
from tasks.tables import Table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.by_video import RowsInOrder
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, POSES, RECOVERED_POSES

WINDOW_FRAMES: Final = 256
"""Frames whose rows are in memory at a time."""
_IDS: Final = ("source_pose_id", "target_frame_index")
_PARTS: Final = ("x", "y", "peak")
_POSE_COLUMNS: Final = ("frame_index", "pose_id", "x", "y", "score", "drop_reason")


@dataclass(frozen=True)
class Evidence:
    """All that tracking reads of one video and box source, or of a window of its frames."""

    poses: VideoPoses
    """Detected and recovered poses; every frame that can hold boxes of the source is there."""
    recovered: frozenset[int]
    """Ids of the recovered ones."""
    affinities: dict[str, Affinities]
    """By kind of map: refined, siamese."""
    propagated: dict[str, PropagatedPoses]
    """Correspondence poses, by kind of map."""
    width: int
    """Of the picture, px."""
    height: int


def read_evidence(tables: Path, video: Video, box_source: str, *, with_recovered: bool = True) -> Evidence:
    """The evidence below the folder `tables`; without the recovered poses they are neither sources nor targets."""
    reader = _EvidenceReader(tables, video, box_source, kinds=MAP_KINDS, with_recovered=with_recovered)
    return reader.window(video.frames_of(box_source), [])[1]


def evidence_windows(
    tables: Path,
    video: Video,
    box_source: str,
    *,
    kinds: Sequence[str],
    window_frames: int = WINDOW_FRAMES,
    kept_frames: int = 0,
) -> Iterator[tuple[list[FramePoses], Evidence]]:
    """Yield the frames of each window in order, with what is known of their poses.

    Args:
        tables: folder of the tables.
        video: the video.
        box_source: detected or annotated.
        kinds: of maps, whose affinities and propagated poses are read.
        window_frames: frames of a window.
        kept_frames: so many frames before the window still have their poses in the evidence, as sources.
    """
    reader = _EvidenceReader(tables, video, box_source, kinds=kinds, with_recovered=True)
    known: list[FramePoses] = []
    indices = video.frames_of(box_source)
    for start in range(0, len(indices), window_frames):
        frames, evidence = reader.window(indices[start : start + window_frames], known)
        yield frames, evidence
        known = [*known, *frames]
        known = known[max(len(known) - kept_frames, 0) :]


class _EvidenceReader:
    """Reads the tables of one video and box source from their begin to their end."""

    def __init__(
        self, tables: Path, video: Video, box_source: str, *, kinds: Sequence[str], with_recovered: bool
    ) -> None:
        def rows(table: Table, *columns: str) -> RowsInOrder:
            return RowsInOrder(table, table.path(tables, video.video_id), columns, box_source)

        self._size = video.row["width"], video.row["height"]
        self._with_recovered = with_recovered
        self._detected, self._recovered = (rows(table, *_POSE_COLUMNS) for table in (POSES, RECOVERED_POSES))
        self._affinities = {kind: rows(AFFINITIES, *_IDS, "target_pose_id", kind) for kind in kinds}
        columns = {kind: [f"{kind}_{part}" for part in _PARTS] for kind in kinds}
        self._propagated = {kind: rows(CORRESPONDENCES, *_IDS, *columns[kind]) for kind in kinds}

    def window(self, indices: Sequence[int], known: Sequence[FramePoses]) -> tuple[list[FramePoses], Evidence]:
        """Return the poses of the next frames, and the evidence of them and of `known` frames before."""
        end = indices[-1] + 1 if indices else 0
        recovered = self._recovered.before(end)
        recovered = recovered.filter(pc.and_(pc.is_null(recovered["drop_reason"]), self._with_recovered))
        first, added = PosesByFrame(self._detected.before(end)), PosesByFrame(recovered)
        frames = [join_poses(index, [first.at(index), added.at(index)]) for index in indices]
        return frames, Evidence(
            poses=VideoPoses([*known, *frames]),
            recovered=frozenset(recovered["pose_id"].to_pylist()),
            affinities={kind: _affinities(rows.before(end), kind) for kind, rows in self._affinities.items()},
            propagated={kind: _propagated(rows.before(end), kind) for kind, rows in self._propagated.items()},
            width=self._size[0],
            height=self._size[1],
        )


def _ids(rows: pa.Table, name: str) -> IntArray:
    return np.asarray(rows[name].to_numpy(), dtype=np.int64)


def _affinities(rows: pa.Table, kind: str) -> Affinities:
    source, target_frame = _ids(rows, "source_pose_id"), _ids(rows, "target_frame_index")
    target = _ids(rows, "target_pose_id")
    return Affinities(source, target_frame, target, list_array(rows, kind))


def _propagated(rows: pa.Table, kind: str) -> PropagatedPoses:
    source, target_frame = _ids(rows, "source_pose_id"), _ids(rows, "target_frame_index")
    xy = keypoint_array(rows, f"{kind}_x", f"{kind}_y")
    return PropagatedPoses(source, target_frame, xy, list_array(rows, f"{kind}_peak"))
