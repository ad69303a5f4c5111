"""An external corpus, seen in the layout of data/ without writing into it; the results of each video."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from tasks.errors import InputError
from tasks.formats.pose_files.corpus import POSES_FOLDER
from tasks.formats.posetrack_corpus import annotation_files
from tasks.formats.video_search import (
    ANNOTATION_FOLDERS,
    DEEPEST,
    VIDEO_ENDINGS,
    bare_videos,
    detections_beside,
    is_frame_folder,
    is_set,
    posetrack_roots,
    video_id_of,
)
from tasks.inference.box_files import RESULTS_FOLDER
from tasks.out_folder import written_files
from tasks.tables import TABLES
from tasks.workspace import Workspace

_LINKED_WHOLE: Final = ("coco*", *ANNOTATION_FOLDERS, "images", POSES_FOLDER, "img1")
"""Folders that no file is ever added to."""


def corpus_view(
    corpus: Path,
    detections: Sequence[Path],
    view: Path,
    poses: Path | None = None,
    *,
    without: Collection[Path] | None = None,
) -> Path:
    """Folder to index: `corpus` itself if it is laid out like data/ and complete, else links to it in `view`.

    Args:
        corpus: A video file, a frame folder, a folder of either, or a folder laid out like data/.
        detections: Person boxes to take instead of those found: MOT tables (.txt), one per bare video and named
            after it if there are several, or COCO results (.json) for annotated videos.
        view: Where the links are laid, anew each time.
        poses: Poses to take instead of those in the corpus: a file, or a folder laid out like data/poses.
        without: Videos to leave out; links are laid even if it is empty, so that files that come and go do not
            move the folder.

    Raises:
        InputError: something is not there, or a file of detections fits no video.
    """
    require_corpus(corpus, detections, poses)
    corpus = corpus.expanduser().resolve()
    is_one_video = corpus.is_file() or is_frame_folder(corpus)
    if not is_one_video and not detections and poses is None and without is None:
        return corpus
    _remove_links(view)
    (view / "videos").mkdir(parents=True)
    left_out = frozenset(without or ())
    if is_one_video and corpus not in left_out:
        _view_one_video(corpus, view)
    elif not is_one_video:
        _view_folder(corpus, view, left_out)
    others = _names(corpus, left_out, view)
    boxes = [path.expanduser().resolve() for path in detections]
    _add_detections([path for path in boxes if not is_named_after(path.name, others)], view)
    if poses is not None:
        _replace_poses(poses.expanduser().resolve(), view, others)
    elif others and (view / POSES_FOLDER).is_dir():
        _replace_poses(corpus / POSES_FOLDER, view, others)
    return view


def holds_any_video(workspace: Workspace) -> bool:
    """Whether the corpus of the workspace holds a video, with annotations or without."""
    return bool(bare_videos(workspace.data) or annotation_files(workspace.data))


def require_corpus(corpus: Path | None, detections: Sequence[Path], poses: Path | None = None) -> None:
    """Raise InputError unless corpus and poses are there and the detections are files of a known form.

    A corpus of None is fetched later. A video file without bytes is refused too.
    """
    if corpus is not None and not (corpus := corpus.expanduser().resolve()).exists():
        raise InputError(
            f"{corpus}: expected a video, a folder of videos or frames, or a folder like data/, got nothing"
        )
    if corpus is not None and not corpus.is_file() and not corpus.is_dir():
        raise InputError(f"{corpus}: expected a video file or a folder, got a pipe or a device; save it as a file")
    if corpus is not None and corpus.is_file() and corpus.stat().st_size == 0:
        raise InputError(f"{corpus}: expected a video, got an empty file")
    for path in detections:
        if not path.is_file() or path.suffix not in {".txt", ".json"}:
            raise InputError(f"--detections {path}: expected a file in MOT form (.txt) or COCO results form (.json)")
    if poses is not None and not poses.expanduser().exists():
        raise InputError(f"--poses {poses}: expected a file or a folder of poses, got nothing")


def _remove_links(view: Path) -> None:
    """Remove an earlier view, which holds links and folders only; anything else in it stays and is refused."""
    if view.is_symlink():
        view.unlink()
    for folder, _, _ in os.walk(view, topdown=False):
        for path in Path(folder).iterdir():
            if path.is_symlink():
                path.unlink()
            elif path.is_file():
                raise InputError(f"{path}: expected only links in {view}, found a file; move it away")
        Path(folder).rmdir()


def results_by_video(workspace: Workspace) -> dict[str, list[Path]]:
    """Files that hold results of a single video, by its name, whether the index holds it or not."""
    folders = [workspace.tables / table.name for table in TABLES.values() if table.per_video]
    folders += [*workspace.exports.glob("*/*"), workspace.reports / "clips", *filter(None, [workspace.overlays])]
    files: dict[str, list[Path]] = {}
    for folder in folders:
        written = written_files(folder / "any")  # one list holds for all files of a folder
        for path in sorted(folder.rglob("*.*")):
            if not path.name.startswith(".") and (path.is_file() if written is None else path in written):
                files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    return files


def _view_one_video(video: Path, view: Path) -> None:
    if video.is_file() and video.suffix.lower() not in VIDEO_ENDINGS:
        raise InputError(f"{video}: expected a video ({', '.join(sorted(VIDEO_ENDINGS))}) or a folder")
    (view / "videos" / video.name).symlink_to(video)
    beside = detections_beside(video.parent, video.name)
    if beside is not None:
        _detections_of(view / "videos" / video.name).symlink_to(beside)


def _view_folder(corpus: Path, view: Path, left_out: frozenset[Path], depth: int = 0) -> None:
    """Link what lies in `corpus`; folders that files may have to be added to are made anew, so that it is only read."""
    for path in (path for path in sorted(corpus.iterdir()) if path not in left_out):
        is_whole = any(fnmatch(path.name, name) for name in _LINKED_WHOLE) or depth > DEEPEST
        if not path.is_dir() or path.name.startswith(".") or is_whole or is_frame_folder(path):
            _link([path], view)
        else:
            (view / path.name).mkdir(exist_ok=True)
            _view_folder(path, view / path.name, left_out, depth + 1)


def _add_detections(files: Sequence[Path], view: Path) -> None:
    tables = [path for path in files if path.suffix == ".txt"]
    results = [path for path in files if path.suffix == ".json"]
    videos = {video_id_of(view, path): path for path in bare_videos(view)}
    for path in tables:
        name = path.name.removesuffix(".txt").removesuffix(".det")
        is_clear = len(videos) == len(tables) == 1
        video = next(iter(videos.values())) if is_clear else _video_called(name, videos, path)
        if video is None:
            known = ", ".join(sorted(videos)) or "none"
            raise InputError(
                f"--detections {path}: expected the name of a video without annotations ({known}), got {name}"
            )
        if not video.parent.resolve().is_relative_to(view.resolve()):
            raise InputError(f"--detections {path}: expected a video outside folders of frames, got {video.name}")
        _detections_of(video).unlink(missing_ok=True)
        _detections_of(video).symlink_to(path)
    if results:
        _replace_results(results, view)


def _video_called(name: str, videos: Mapping[str, Path], detections: Path) -> Path | None:
    """The video of this name, whichever folder it lies in."""
    fits = [video_id for video_id in videos if video_id.rpartition("/")[2] == name]
    if len(fits) > 1:
        raise InputError(
            f"--detections {detections}: expected the name of a single video, got that of {' and '.join(fits[:2])}; "
            f"lay the boxes of each beside it as {name}.det.txt"
        )
    return videos[fits[0]] if fits else None


def _replace_results(results: Sequence[Path], view: Path) -> None:
    sets = [root for root in posetrack_roots(view) if is_set(root)]
    if not sets:
        raise InputError(
            f"--detections {results[0]}: COCO results name the image_id of posetrack/annotations, and this corpus has "
            "none; give boxes of a bare video in MOT form (.txt)"
        )
    for earlier in (path for root in sets for path in (root / RESULTS_FOLDER).glob("*.json")):
        earlier.unlink()
    (sets[0] / RESULTS_FOLDER).mkdir(exist_ok=True)
    _link(results, sets[0] / RESULTS_FOLDER)


def _replace_poses(poses: Path, view: Path, others: Collection[str]) -> None:
    """Lay poses into the view, without those of `others`."""
    folder = view / POSES_FOLDER
    folder.unlink(missing_ok=True)
    if poses.is_dir() and not others:
        folder.symlink_to(poses)
        return
    folder.mkdir()
    if poses.is_dir():
        _lay_poses(poses, folder, "", others)
    elif not is_named_after(poses.name, others):
        _link([poses], folder)


def _lay_poses(poses: Path, folder: Path, at: str, others: Collection[str]) -> None:
    """Link what lies in `poses`; folders that hold poses of `others` too are made anew without these."""
    for path in (path for path in sorted(poses.iterdir()) if not is_named_after(at + path.name, others)):
        if path.is_dir() and any(name.startswith(f"{at}{path.name}/") for name in others):
            (folder / path.name).mkdir()
            _lay_poses(path, folder / path.name, f"{at}{path.name}/", others)
        else:
            _link([path], folder)


def _names(corpus: Path, left_out: Collection[Path], view: Path) -> set[str]:
    """What files of the videos that are left out are called: by their names, and without the folders where no video of
    the view is called so."""
    names = {video_id_of(corpus, path) for path in left_out}
    kept = {video_id_of(view, path).rpartition("/")[2] for path in bare_videos(view)} if names else set()
    return names | ({name.rpartition("/")[2] for name in names} - kept)


def is_named_after(name: str, videos: Collection[str]) -> bool:
    """Whether boxes or poses are of one of the videos, by the name of their file."""
    return any(name == video or name.startswith((f"{video}.", f"{video}DLC_")) for video in videos)


def _detections_of(video: Path) -> Path:
    return video.with_name(f"{video.stem if video.is_file() else video.name}.det.txt")


def _link(paths: Iterable[Path], folder: Path) -> None:
    for path in paths:
        (folder / path.name).symlink_to(path)
