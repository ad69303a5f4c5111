"""Videos without annotations: video files and frame folders, with detections in MOT form beside them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import gcd
from pathlib import Path

import av

from tasks.content_key import file_digest
from tasks.errors import raise_machine_fault
from tasks.formats.corpus_part import CorpusPart, Row, RowsInColumns
from tasks.formats.decoded_files import current
from tasks.formats.frame_order import FrameOrderError, frame_numbers, frame_order, shown_names, without_foreign
from tasks.formats.mot import frames_per_second, plausible_rate
from tasks.formats.pictures import PictureFile, check_pictures
from tasks.formats.video_search import VideoSearch, pictures_of, search_videos, video_id_of
from tasks.frames import NO_VIDEO, decoded_frames, presentation_times, shown_stream, upright_size
from tasks.paths import video_name_problem

Tick = Callable[[], None]


@dataclass(frozen=True)
class DecodedVideo:
    """What a video file decodes to."""

    width: int
    height: int
    count: int
    """Frames."""
    rate: float | None
    """Frames per second where the file states it."""
    broken: str
    """Why frames are missing; empty when none are."""
    seconds: list[float | None]
    """Time of each frame since the first, as the file stamps it; None where it has neither stamps nor a rate."""


def read_videos(data: Path, tick: Tick = lambda: None, *, search: VideoSearch | None = None) -> Iterator[CorpusPart]:
    """Yield what was passed over, then each bare video, of the split val without labelled frames.

    `tick` is called after each video; `search` is what `search_videos` finds in `data`, where it is known.
    """
    taken: dict[str, str] = {}
    search = search_videos(data) if search is None else search
    passed_over = CorpusPart()
    for folder, name, reason in search.passed_over:
        passed_over.reject(folder.relative_to(data).as_posix(), name, reason)
    yield passed_over
    for path in search.videos:
        part = CorpusPart()
        source = path.relative_to(data).as_posix()
        video_id = video_id_of(data, path)
        if problem := video_name_problem(video_id, taken):
            part.reject(source, "", problem)
        else:
            taken[video_id] = source
            rows = (_read_folder if path.is_dir() else _read_file)(part, data, path, video_id)
            part.videos.extend(rows)
        yield part
        tick()


def _read_file(part: CorpusPart, data: Path, path: Path, video_id: str) -> Iterator[Row]:
    source = path.relative_to(data).as_posix()
    digest, decoded = decoded_video(path)
    if decoded.broken:
        part.reject(source, f"frame {decoded.count} on" if decoded.count else "", decoded.broken)
    if not decoded.count:
        return
    count = decoded.count
    part.frames[video_id] = _frame_rows(video_id, range(1, count + 1), [None] * count, decoded.seconds)
    rate = decoded.rate or frames_per_second(path.parent)
    yield _video_row(video_id, source, digest, (decoded.width, decoded.height), decoded.count, rate)


def _read_folder(part: CorpusPart, data: Path, folder: Path, video_id: str) -> Iterator[Row]:
    source = folder.relative_to(data).as_posix()
    paths = _in_order(part, source, pictures_of(folder))
    whole: list[tuple[int, Path, PictureFile]] = []
    for number, (path, picture) in enumerate(zip(paths, check_pictures(paths), strict=True)):
        first = whole[0][2] if whole else None
        if isinstance(picture, str):
            part.reject(source, path.name, picture)
        elif first and (picture.width, picture.height) != (first.width, first.height):
            reason = f"expected {first.width}x{first.height} as the first frame, got {picture.width}x{picture.height}"
            part.reject(source, path.name, reason)
        else:
            whole.append((number, path, picture))
    if paths and not whole:
        part.reject(source, "", f"expected pictures, got {len(paths)} files of which none is whole")
    if not whole:
        return
    rate = frames_per_second(folder)
    seconds = _seconds_of_pictures([path.name for _, path, _ in whole], rate)
    image_ids = [number + 1 for number, _, _ in whole]  # a rejected picture must not shift the detections
    pictures = [path.relative_to(data).as_posix() for _, path, _ in whole]
    part.frames[video_id] = _frame_rows(video_id, image_ids, pictures, seconds)
    digest = hashlib.sha256("".join(picture.sha256 for _, _, picture in whole).encode()).hexdigest()
    media, size = paths[0].parent.relative_to(data).as_posix(), (whole[0][2].width, whole[0][2].height)
    yield _video_row(video_id, media, digest, size, len(whole), rate)


def _seconds_of_pictures(names: list[str], rate: float | None) -> list[float | None]:
    """Times since the first picture by the numbers in the names, whose smallest step is one frame at the rate."""
    if not rate:
        return [None] * len(names)
    numbers = frame_numbers(names) or list(range(len(names)))
    step = gcd(*(number - numbers[0] for number in numbers)) or 1
    return [round((number - numbers[0]) / step / rate, 6) for number in numbers]


def _in_order(part: CorpusPart, source: str, paths: list[Path]) -> list[Path]:
    """The frames among the pictures, in order; none where the order is not known."""
    by_name = {path.name: path for path in paths}
    names, foreign = without_foreign(list(by_name))
    if foreign:
        part.reject(source, shown_names(foreign), "expected a number in the name, as the other pictures have")
    try:
        return [by_name[name] for name in frame_order(names)]
    except FrameOrderError as error:
        part.reject(source, "", error)
        return []


def _video_row(video_id: str, media: str, digest: str, size: tuple[int, int], count: int, rate: float | None) -> Row:
    return {
        **{"video_id": video_id, "split": "val", "source": None, "media": media, "media_sha256": digest},
        **{"width": size[0], "height": size[1], "frame_count": count, "labelled_frame_count": 0},
        **{"frames_per_second": rate, "tags": []},
    }


def _frame_rows(
    video_id: str, image_ids: Sequence[int], paths: Sequence[str | None], seconds: Sequence[float | None]
) -> RowsInColumns:
    """The frames of a video; `image_ids` count from 1, as MOT does."""
    count = len(image_ids)
    return RowsInColumns(
        {
            **{"video_id": [video_id] * count, "frame_index": range(count), "image_id": image_ids},
            "file_name": [f"{video_id}/{index:06d}.jpg" for index in range(count)],
            **{"path": paths, "seconds": seconds},
            **{"is_labelled": [False] * count, "ignore_regions": [None] * count},
        }
    )


def decoded_video(path: Path) -> tuple[str, DecodedVideo]:
    """Digest of a video file, and what it decodes to; the same bytes are decoded once where that is kept.

    The digest is empty where the file cannot be read, and then it does not decode.
    """
    try:
        if (decoded := current()) is not None:
            digest, fields = decoded.of(path, "video", lambda: asdict(decode_video(path)))
            return digest, DecodedVideo(**fields)
        digest = file_digest(path)
    except OSError:
        return "", decode_video(path)
    return digest, decode_video(path)


def decode_video(path: Path) -> DecodedVideo:
    """Decode the whole file once: only what decodes is a frame. Raises MachineError where the machine failed."""
    width = height = 0
    stamps: list[float | None] = []
    rate: float | None = None
    broken = ""
    try:
        with av.open(str(path)) as container:
            stream = shown_stream(container)
            rate = plausible_rate(float(stream.average_rate)) if stream.average_rate else None
            stored = stream.frames
        for frame in decoded_frames(path):
            size = upright_size(frame)
            if stamps and size != (width, height):
                broken = f"expected {width}x{height} as before, got {size[0]}x{size[1]}; the rest is left out"
                break
            width, height = size
            stamps.append(frame.time)
        shown = len(presentation_times(path))
        hidden = len(presentation_times(path, with_hidden=True)) - shown
        stored = max(stored - hidden, shown)
        if not broken and len(stamps) < stored:
            broken = f"expected {stored} frames as stored, got {len(stamps)} that decode"
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise_machine_fault(error, file=path)
        cause = getattr(error, "strerror", None) or error  # all of an error of FFmpeg names a path of this machine
        advice = "" if str(cause) == NO_VIDEO else "; fetch or convert it again"
        broken = f"expected a video that decodes, got {cause}{advice}"
    if not stamps and not broken:
        broken = "expected frames, got none"
    return DecodedVideo(width, height, len(stamps), rate, broken, _seconds(stamps, rate))


def _seconds(stamps: list[float | None], rate: float | None) -> list[float | None]:
    """Times since the first frame: the stamps where all frames have one and they rise, else by the rate."""
    known = [time for time in stamps if time is not None]
    if len(known) == len(stamps) and all(before < after for before, after in pairwise(known)):
        return [round(time - known[0], 6) for time in known]
    return [round(index / rate, 6) if rate else None for index in range(len(stamps))]
