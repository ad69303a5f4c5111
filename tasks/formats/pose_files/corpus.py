"""The poses that a corpus brings in its folder `poses/`, as rows of the table file_poses.

`poses/` holds a file or folder for each video, named after it: NAME.json, NAME.csv, a folder NAME, or DeepLabCut's
NAMEDLC_... . In a corpus of a single video the name is free, and `poses/` itself may be the folder of one file per
frame. A file of COCO keypoints that is named after no video may hold poses of all annotated videos, by image_id.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from models.arrays import FloatArray
from models.keypoints import BODY
from models.poses.boxes import box_around
from tasks.errors import InputError
from tasks.formats.corpus_part import CorpusPart, Row
from tasks.formats.errors import FieldError
from tasks.formats.pose_files.posetrack_keypoints import posetrack_keypoints
from tasks.formats.pose_files.records import FilePose, PoseFile
from tasks.formats.pose_files.registry import read_poses
from tasks.formats.pose_files.video_frames import FrameMatch, match_frames

POSES_FOLDER: Final = "poses"


@dataclass
class CorpusPoses:
    """Rows of the table file_poses, what was rejected, and what to report of the rest."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)
    videos: set[str] = field(default_factory=set)
    """Videos that have poses."""
    _taken: Counter[tuple[str, str]] = field(default_factory=Counter)

    def reject(self, source: str, location: str, reason: str) -> None:
        """Reject a file, or the part of it at `location`."""
        self.rejects.append({"source": source, "location": location, "reason": reason})

    def take(self, file: PoseFile, match: FrameMatch, rows: Sequence[Row]) -> None:
        """Add the rows of one video."""
        self.rows += rows
        self._taken[file.format_name, match.rule] += len(rows)

    @property
    def notices(self) -> list[str]:
        """A sentence for each format and way to count frames."""
        return [
            f"poses from files: {count} read as {format_name}, {rule}"
            for (format_name, rule), count in sorted(self._taken.items())
        ]


def read_corpus_poses(data: Path, part: CorpusPart, format_name: str) -> CorpusPoses:
    """Read all poses below `data`/poses that belong to a video of the corpus.

    Args:
        data: data folder.
        part: the corpus with its videos and frames.
        format_name: a name of `registry.FORMATS`, or auto.
    """
    corpus_poses = CorpusPoses()
    videos = {row["video_id"]: row for row in part.videos}
    frames: dict[str, list[Row]] = {name: [] for name in videos}
    for row in part.frames:
        if row["video_id"] in frames:
            frames[row["video_id"]].append(row)
    for path, video_id in _files(data / POSES_FOLDER, sorted(videos)):
        source = path.relative_to(data).as_posix()
        try:
            file = read_poses(path, format_name)
        except InputError as error:
            corpus_poses.reject(source, "", str(error).removeprefix(f"{path}: "))
            continue
        for row in file.rejects:
            corpus_poses.reject(source, row["location"], row["reason"])
        chosen = [name for name in videos if videos[name]["source"] is not None] if video_id is None else [video_id]
        _take(corpus_poses, file, source, {name: (videos[name], frames[name]) for name in chosen})
    return corpus_poses


def _files(folder: Path, video_ids: Sequence[str]) -> Iterator[tuple[Path, str | None]]:
    """Each file or folder of poses with its video; None where its name matches none."""
    entries = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    known = frozenset(video_ids)
    named = {path: _video_of(path.name, known) for path in entries}
    if len(video_ids) == 1 and not any(named.values()):
        if entries:
            yield (entries[0] if len(entries) == 1 else folder), video_ids[0]
        return
    yield from named.items()


def _video_of(name: str, video_ids: Collection[str]) -> str | None:
    """The longest name of a video that begins the file's name and ends there, at a dot, or at DeepLabCut's mark."""
    ends = (end for end in range(len(name), 0, -1) if end == len(name) or name.startswith((".", "DLC"), end))
    return next((name[:end] for end in ends if name[:end] in video_ids), None)


def _take(corpus_poses: CorpusPoses, file: PoseFile, source: str, videos: Mapping[str, tuple[Row, list[Row]]]) -> None:
    """Take the poses of each video that the file may belong to, and reject the file's rest."""
    if not videos:
        corpus_poses.reject(
            source, "", "expected the name of a video of the corpus, such as NAME.json, got another name"
        )
        return
    if twice := corpus_poses.videos & set(videos):
        corpus_poses.reject(
            source, "", f"expected one file of poses for each video, got another one of {sorted(twice)[0]}"
        )
        return
    before = len(corpus_poses.rows)
    try:
        keypoints = _keypoints(file)
    except FieldError as error:
        corpus_poses.reject(source, "", str(error))
        return
    has_body = np.atleast_1d((keypoints[:, BODY, 2] > 0).any(axis=1))
    in_video = 0
    for video, frames in videos.values():
        match = match_frames(file, video, frames)
        rows = []
        for pose, values, is_usable in zip(file.poses, keypoints, has_body, strict=True):
            frame_index = match.frame_of(pose.key)
            in_video += frame_index is not None
            if frame_index is not None and is_usable:
                rows.append(_row(video, frame_index, pose, values, is_relative=file.is_relative))
        rows.sort(key=lambda row: row["frame_index"])
        numbered = [row | {"file_pose_id": number} for number, row in enumerate(rows)]
        if numbered:
            corpus_poses.take(file, match, numbered)
            corpus_poses.videos.add(video["video_id"])
    _reject_rest(corpus_poses, file, source, taken=len(corpus_poses.rows) - before, in_video=in_video)


def _reject_rest(corpus_poses: CorpusPoses, file: PoseFile, source: str, *, taken: int, in_video: int) -> None:
    count = len(file.poses)
    reasons = []
    if in_video < count:
        keys = [pose.key for pose in file.poses]
        reasons.append(f"{count - in_video} of {count} are of frames that the video does not have (such as {keys[-1]})")
    if taken < in_video:
        reasons.append(f"{in_video - taken} of {count} have no keypoint of the body")
    if not count:
        reasons.append("it holds none")
    if reasons:
        corpus_poses.reject(
            source, "", f"expected poses of this corpus, got {taken} that can be used: {'; '.join(reasons)}"
        )


def _keypoints(file: PoseFile) -> FloatArray:
    """(P,17,3) in PoseTrack's order."""
    if not file.poses:
        return np.zeros((0, 17, 3))
    return posetrack_keypoints(file.names, np.stack([pose.keypoints for pose in file.poses]))


def _row(video: Row, frame_index: int, pose: FilePose, values: FloatArray, *, is_relative: bool) -> Row:
    scale = np.array([video["width"], video["height"]]) if is_relative else np.ones(2)
    xy, score = values[:, :2] * scale, values[:, 2]
    return {
        "video_id": video["video_id"],
        "frame_index": frame_index,
        "box_xywh": box_around(xy[score > 0]).tolist(),
        "person_score": pose.score,
        **{"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "score": score.tolist()},
    }
