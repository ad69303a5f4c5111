"""Stage index: read and check the whole corpus once; what is broken is rejected with its reason (6)."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tasks.columns_by_video import ColumnsByVideo
from tasks.content_key import code_key, content_key, packages_key
from tasks.errors import InputError
from tasks.formats.coco_corpus import coco_files, read_coco
from tasks.formats.corpus_part import CorpusPart, Row, joined
from tasks.formats.decoded_files import DecodedFiles, kept_in
from tasks.formats.pose_files.corpus import read_corpus_poses
from tasks.formats.posetrack_corpus import annotation_files, read_posetrack
from tasks.formats.video_search import search_videos
from tasks.formats.videos import read_videos
from tasks.progress import Progress, current
from tasks.tables import write_blocks, write_table
from tasks.tables.schemas import FILE_POSES, FRAMES, IMAGES, PERSONS, REJECTS, VIDEOS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_SECONDS_BETWEEN_EVENTS: Final = 1.0
_LAYOUT: Final = (
    "COCO keypoints in coco*/annotations/person_keypoints_{train,val}[2017].json with pictures in "
    "coco*/images/{train,val}[2017]/, PoseTrack in posetrack*/annotations/{train,val,test}/*.json (PoseTrack21: "
    "posetrack_data/) with pictures below posetrack*/, or bare videos (files or folders of pictures) in any folder"
)


def run(workspace: Workspace, params: "Params") -> None:
    """Write the tables videos, frames, images, persons, file_poses and rejects.

    Raises:
        InputError: there is no corpus, or nothing in it can be used.
    """
    data = workspace.data
    if not data.is_dir():
        raise InputError(f"{data}: expected a folder with a corpus, got none; `make demo` makes one. Layout: {_LAYOUT}")
    frames = ColumnsByVideo(FRAMES)
    with kept_in(_decoded_files(workspace)):
        part = joined(_read(data), frames)
    poses = read_corpus_poses(data, part, params.index.pose_format)
    rejects = _merged([*part.rejects, *poses.rejects])
    current().show_rejects(rejects)
    if not part.videos and not part.persons:
        first = ""
        if worst := next(iter(part.rejects or rejects), None):  # poses without a video only follow from it
            first = f"; the first reject: {worst['source']}: {worst['reason']}"
        raise InputError(f"{data}: expected a corpus, got nothing that can be used{first}. Layout: {_LAYOUT}")
    progress = current()
    for notice in [*_notices(part), *poses.notices]:
        progress.notice(notice)
    write_blocks(FRAMES, frames.blocks(), FRAMES.path(workspace.tables))
    tables = {VIDEOS: part.videos, IMAGES: part.images, PERSONS: part.persons, REJECTS: rejects, FILE_POSES: poses.rows}
    for table, rows in tables.items():
        write_table(table, rows, table.path(workspace.tables))
    counts = {table.name: len(rows) for table, rows in tables.items()}
    progress.summary(videos=counts.pop("videos"), frames=frames.row_count, **counts)


def _decoded_files(workspace: Workspace) -> DecodedFiles:
    """What earlier runs of this workspace decoded by the same code and packages."""
    code = content_key([code_key("tasks.formats.videos", "tasks.formats.pictures"), packages_key()])
    return DecodedFiles(workspace.state / "decoded.jsonl", code)


def _read(data: Path) -> Iterator[CorpusPart]:
    """The whole corpus, part by part; its folders are searched once, for the count and for the readers."""
    coco, posetrack, search = coco_files(data), annotation_files(data), search_videos(data)
    coco_count = sum(map(len, coco.values()))
    ticks = _Ticks(current(), total=coco_count + len(posetrack) + len(search.videos))
    yield read_coco(data, ticks.picture, files=coco)
    ticks.done(coco_count)
    annotated: dict[str, str] = {}
    for part in read_posetrack(data, ticks.unit, files=posetrack):
        annotated |= {row["video_id"]: row["source"] for row in part.videos}
        yield part
    for part in read_videos(data, ticks.unit, search=search):
        yield _without_namesakes(part, annotated)


def _without_namesakes(part: CorpusPart, annotated: Mapping[str, str]) -> CorpusPart:
    """The part; a video in it that has the name of an annotated one (names with their sources) is rejected."""
    for video in part.videos:
        if source := annotated.get(video["video_id"]):
            part.reject(video["media"], "", f"expected a unique video name, got that of {source}; rename either")
            del part.frames[video["video_id"]]
    part.videos = [video for video in part.videos if video["video_id"] in part.frames]
    return part


class _Ticks:
    """Progress in annotation files and videos; within a long file the pictures are counted."""

    def __init__(self, progress: Progress, *, total: int) -> None:
        self._progress, self._done, self._pictures, self._last_event = progress, 0, 0, 0.0
        progress.start("files", total)

    def picture(self) -> None:
        self._pictures += 1
        if time.monotonic() - self._last_event > _SECONDS_BETWEEN_EVENTS:
            self.done(0)

    def unit(self) -> None:
        self.done(1)

    def done(self, count: int) -> None:
        self._done += count
        self._last_event = time.monotonic()
        self._progress.advance(self._done, pictures=self._pictures)


def _merged(rejects: list[Row]) -> list[Row]:
    """One row for each location, with its reasons joined, sorted by source and location."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rejects:
        reasons.setdefault((row["source"], row["location"]), []).append(row["reason"])
    return [
        {"stage": "index", "source": source, "location": location, "reason": "; ".join(dict.fromkeys(texts))}
        for (source, location), texts in sorted(reasons.items())
    ]


def _notices(part: CorpusPart) -> list[str]:
    """One sentence for each missing part of a full corpus, with what depends on it."""
    persons = Counter((row["source"], row["split"]) for row in part.persons if max(row["visibility"]) > 0)
    tracked = any(row["track_id"] is not None for row in part.persons if row["split"] == "train")
    videos = Counter(row["split"] for row in part.videos)
    labelled = [row for row in part.videos if row["split"] == "val" and row["labelled_frame_count"]]
    if not persons:
        return ["no annotated persons: videos are tracked with existing weights, nothing is trained or scored"]
    short = sum(row["labelled_frame_count"] == 1 for row in labelled)
    sentences = (
        (
            not persons["coco", "train"],
            "no COCO training persons: pretrain and the correspondence training lack data",
        ),
        (not persons["coco", "val"], "no COCO validation persons: the training on COCO has no validation metrics"),
        (not persons["posetrack", "train"], "no PoseTrack training persons: finetuning keeps the weights of COCO"),
        (not tracked, "no PoseTrack training tracks: the re-identification baseline is omitted"),
        (not videos["train"], "no training videos: no threshold can be chosen on the training split"),
        (not labelled, "no validation videos with labelled frames: nothing is scored"),
        (
            short,
            f"{short} of {len(labelled)} validation videos have a single labelled frame: MOTA is undefined on them",
        ),
    )
    return [sentence for applies, sentence in sentences if applies]
