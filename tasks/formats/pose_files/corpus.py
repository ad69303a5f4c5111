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
from models.poses.boxes import box_around, fit_only_exchanged_sides
from tasks.errors import InputError
from tasks.formats.corpus_part import CorpusPart, Frames, Row
from tasks.formats.detected_boxes import unturned_reason
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
    for path, named in _files(data / POSES_FOLDER, sorted(videos)):
        source = path.relative_to(data).as_posix()
        if len(named) > 1:
            reason = f"expected the name of one video, got that of {named[0]} and {named[1]}; lay it in a folder like"
            corpus_poses.reject(source, "", f"{reason} {POSES_FOLDER}/{named[0]}.json")
            continue
        try:
            file = read_poses(path, format_name)
        except InputError as error:
            corpus_poses.reject(source, "", str(error).removeprefix(f"{path}: "))
            continue
        for row in file.rejects:
            corpus_poses.reject(source, row["location"], row["reason"])
        chosen = named or [name for name in videos if videos[name]["source"] is not None]
        _take(corpus_poses, file, source, {name: videos[name] for name in chosen}, part.frames)
    return corpus_poses


def _files(folder: Path, video_ids: Sequence[str]) -> Iterator[tuple[Path, list[str]]]:
    """Each file or folder of poses with the videos that its name fits; it is to be the name of one."""
    entries = list(_entries(folder, folder, video_ids))
    named = {path: _videos_of(path.relative_to(folder).as_posix(), video_ids) for path in entries}
    if len(video_ids) == 1 and not any(named.values()):
        if entries:
            yield (entries[0] if len(entries) == 1 else folder), list(video_ids)
        return
    yield from named.items()


def _entries(root: Path, folder: Path, video_ids: Sequence[str]) -> Iterator[Path]:
    """Files and folders of poses; folders that the corpus has too hold those of the videos in them."""
    for path in sorted(path for path in folder.glob("*") if not path.name.startswith(".")):
        name = path.relative_to(root).as_posix()
        is_shared = path.is_dir() and name not in video_ids and any(it.startswith(f"{name}/") for it in video_ids)
        yield from _entries(root, path, video_ids) if is_shared else [path]


def _videos_of(name: str, video_ids: Sequence[str]) -> list[str]:
    """The video with the longest name that begins `name`; else those that do so without the folders they lie in."""
    for of in (str, lambda video_id: video_id.rpartition("/")[2]):
        fits = [video_id for video_id in video_ids if _begins(name, of(video_id))]
        if fits:
            longest = max(len(of(video_id)) for video_id in fits)
            return [video_id for video_id in fits if len(of(video_id)) == longest]
    return []


def _begins(name: str, video_name: str) -> bool:
    """Whether the name of a file is that of the video up to its end, a dot, or DeepLabCut's mark."""
    return name == video_name or name.startswith((f"{video_name}.", f"{video_name}DLC"))


def _take(corpus_poses: CorpusPoses, file: PoseFile, source: str, videos: Mapping[str, Row], frames: Frames) -> None:
    """Take the poses of each video that the file may belong to, and reject the file's rest."""
    if reason := _misplaced(videos, corpus_poses.videos):
        corpus_poses.reject(source, "", reason)
        return
    try:
        keypoints = _keypoints(file)
    except FieldError as error:
        corpus_poses.reject(source, "", str(error))
        return
    uses = Counter[str]()
    for name, video in videos.items():
        match = match_frames(file, video, frames[name])
        indices = [match.frame_of(pose.key) for pose in file.poses]
        uses["in a video"] += sum(index is not None for index in indices)
        rows = _rows_of_video(file, video, indices, keypoints)
        if rows and (reason := _unturned(video, rows)):
            corpus_poses.reject(source, video["video_id"], reason)
            uses["unturned"] += len(rows)
        elif rows:
            corpus_poses.take(file, match, rows)
            corpus_poses.videos.add(video["video_id"])
            uses["taken"] += len(rows)
    if reasons := _reasons_of_rest(file, uses):
        expected = f"expected poses of this corpus, got {uses['taken']} that can be used"
        corpus_poses.reject(source, "", f"{expected}: {'; '.join(reasons)}")


def _misplaced(videos: Collection[str], with_poses: Collection[str]) -> str | None:
    """Why a file cannot be that of its videos; None where it can."""
    if not videos:
        return "expected the name of a video of the corpus, such as NAME.json, got another name"
    twice = sorted(set(videos) & set(with_poses))
    return f"expected one file of poses for each video, got another one of {twice[0]}" if twice else None


def _keypoints(file: PoseFile) -> FloatArray:
    """(P,17,3) in PoseTrack's order."""
    if not file.poses:
        return np.zeros((0, 17, 3))
    return posetrack_keypoints(file.names, np.stack([pose.keypoints for pose in file.poses]))


def _rows_of_video(file: PoseFile, video: Row, indices: Sequence[int | None], keypoints: FloatArray) -> list[Row]:
    """The rows of the poses in the video's frames that have a keypoint of the body, numbered in the frames' order."""
    rows = [
        _row(video, index, pose, values, is_relative=file.is_relative)
        for pose, index, values in zip(file.poses, indices, keypoints, strict=True)
        if index is not None and (values[BODY, 2] > 0).any()
    ]
    rows.sort(key=lambda row: row["frame_index"])
    return [row | {"file_pose_id": number} for number, row in enumerate(rows)]


def _unturned(video: Row, rows: Sequence[Row]) -> str | None:
    """Why poses that fit only the unturned picture are not used; None where they fit."""
    boxes = np.array([row["box_xywh"] for row in rows], dtype=np.float64)
    sides = {"width": int(video["width"]), "height": int(video["height"])}
    return unturned_reason("poses", len(rows), **sides) if fit_only_exchanged_sides(boxes, **sides) else None


def _reasons_of_rest(file: PoseFile, uses: Mapping[str, int]) -> list[str]:
    """Why poses of the file are not used, apart from those that fit only the unturned picture."""
    count, reasons = len(file.poses), []
    if elsewhere := count - uses["in a video"]:
        such = file.poses[-1].key
        reasons.append(f"{elsewhere} of {count} are of frames that the video does not have (such as {such})")
    if without := uses["in a video"] - uses["taken"] - uses["unturned"]:
        reasons.append(f"{without} of {count} have no keypoint of the body")
    if not count:
        reasons.append("it holds none")
    return reasons


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
