"""What a run sees of each video: before the index which are still being written, after it which can be tracked."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.scheduling.video_states import Seen, VideoState, why_it_waits
from tasks.content_key import content_key
from tasks.formats.posetrack_corpus import annotation_files
from tasks.formats.video_search import bare_videos, detections_beside, is_frame_folder, pictures_of, video_id_of
from tasks.inference.box_files import results_files
from tasks.tables import read_table
from tasks.tables.by_video import RowsByVideo
from tasks.tables.schemas import FILE_POSES, REJECTS, VIDEOS
from tasks.workspace import Workspace


def waiting_videos(corpus: Path, before: Mapping[str, VideoState], *, settle_seconds: float) -> dict[Path, Seen]:
    """Videos without annotations that may still be being written; none where `settle_seconds` is 0."""
    corpus = corpus.expanduser().resolve()
    is_one_video = corpus.is_file() or is_frame_folder(corpus)
    waiting = {}
    for path in ([corpus] if is_one_video else bare_videos(corpus)) if settle_seconds > 0 else []:
        changed, stamp = _last_change(path)
        known = before.get(video_id_of(corpus, path))
        is_as_before = known is not None and known.stamp == stamp
        reason = why_it_waits(
            opens=is_as_before or _opens(path),
            quiet_seconds=time.time() - changed,
            settle_seconds=settle_seconds,
            is_as_before=is_as_before,
        )
        if reason:
            waiting[path] = Seen("waiting", reason=reason, stamp=stamp)
    return waiting


def by_name(corpus: Path, waiting: Mapping[Path, Seen]) -> dict[str, Seen]:
    """The videos of a corpus that wait, by the names that they have in tables."""
    corpus = corpus.expanduser().resolve()
    return {video_id_of(corpus, path): seen for path, seen in waiting.items()}


def seen_videos(workspace: Workspace, splits: Sequence[str]) -> dict[str, Seen]:
    """Every video of the splits as the index of the workspace has read it, those among them that do not decode."""
    rejects: dict[str, list[tuple[str, str]]] = {}
    for row in read_table(REJECTS, REJECTS.path(workspace.tables)).to_pylist():
        rejects.setdefault(row["source"], []).append((row["location"], row["reason"]))
    poses, seen = _digests_of_poses(workspace), {}
    for row in read_table(VIDEOS, VIDEOS.path(workspace.tables)).to_pylist():
        if row["split"] in splits:
            notes = rejects.get(row["source"] or row["media"], [])
            seen[row["video_id"]] = Seen(
                "whole",
                bytes_sha256=row["media_sha256"],
                companions_sha256=_companions(workspace, row["source"], row["media"], poses.get(row["video_id"], "")),
                reason="; ".join(" ".join(filter(None, note)) for note in notes),
                frames=row["frame_count"],
                stamp="" if row["source"] else _last_change(workspace.data / row["media"])[1],
            )
    names = {file: file.stem for _, file in annotation_files(workspace.data)}
    names |= {path: video_id_of(workspace.data, path) for path in bare_videos(workspace.data)}
    for path, name in names.items():
        notes = rejects.get(path.relative_to(workspace.data).as_posix(), [])
        if name not in seen and notes:
            reason = "; ".join(" ".join(filter(None, note)) for note in notes)
            seen[name] = Seen("broken", reason=reason, stamp=_last_change(path)[1])
    return seen


def _last_change(video: Path) -> tuple[float, str]:
    """Time of the last change of a file or frame folder in seconds since 1970, and its size and time as text.

    A copy may set the time of the content; that of the status it cannot set. Times in the future count as unknown; if
    all are, as after a clock was set back, the time is infinite.
    """
    paths = [video] if video.is_file() else [video, *pictures_of(video)]
    statuses = [path.stat() for path in paths]
    now = time.time()
    times = [when for status in statuses for when in (status.st_mtime, status.st_ctime) if when <= now]
    stamp = f"{sum(status.st_size for status in statuses)} {max(status.st_mtime_ns for status in statuses)}"
    return max(times, default=math.inf), stamp


def _opens(video: Path) -> bool:
    if video.is_dir():
        return True
    import av

    try:
        with av.open(str(video)) as container:
            return bool(container.streams.video)
    except (av.FFmpegError, OSError, ValueError):
        return False


def _companions(workspace: Workspace, source: str | None, media: str, poses: str) -> str:
    boxes = results_files(workspace.data) if source else [detections_beside(workspace.data, media)]
    files = [path for path in boxes if path is not None] + ([workspace.data / source] if source else [])
    return content_key([files, poses])


def _digests_of_poses(workspace: Workspace) -> dict[str, str]:
    rows = RowsByVideo(read_table(FILE_POSES, FILE_POSES.path(workspace.tables)))
    return {
        video_id: content_key([str(column.to_pylist()).encode() for column in rows.of(video_id).columns])
        for video_id in rows.video_ids
    }
