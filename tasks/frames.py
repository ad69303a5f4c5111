"""Pictures of a video in frame order, from a folder of pictures or from one video file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from av.stream import Disposition

from models.arrays import Picture
from tasks.errors import raise_machine_fault
from tasks.paths import below

"""RGB, shape (H,W,3), upright: the rotation of a video and the EXIF orientation of a picture are obeyed."""

LARGEST_PICTURE_PX: Final = 1 << 28
"""Pixels; more than any camera takes, and less than a file of a few KB may ask memory for."""
NO_VIDEO: Final = "no video stream"
_CUT_OFF: Final = "no streams, as in a file that is cut off"
_LISTS: Final = frozenset({"concat", "hls", "dash", "sdp", "imf"})
"""Formats of FFmpeg's that name other files, or addresses, in place of pictures."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
_MARKER: Final = 0xFF
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers of a segment that states the size (ITU-T T.81, table B.1)."""
_ONE: Final = 1 << 16
"""1 in a display matrix."""
_NEAR_FRAMES: Final = 32
"""So many frames are decoded and passed over rather than sought."""
cv2.utils.logging.setLogLevel(
    cv2.utils.logging.LOG_LEVEL_SILENT
)  # FrameError reports a broken picture, not OpenCV on the screen

_DECODE: Final = cv2.IMREAD_COLOR_RGB  # an EXIF orientation is obeyed


class FrameError(Exception):
    """A frame that is not there or cannot be decoded; `file`, `frame` (None: all of the file) and `reason` say why."""

    def __init__(self, file: str, frame: int | None, reason: str) -> None:
        super().__init__(file, frame, reason)
        self.file, self.frame, self.reason = file, frame, reason

    def __str__(self) -> str:
        return f"{self.file}{'' if self.frame is None else f' frame {self.frame}'}: {self.reason}"


class VideoFrames:
    """The frames of one video of the index; decodes on demand and holds no more than one frame.

    Args:
        data_root: folder that the paths of the tables are relative to.
        video: its row of the table `videos`.
        frames: its rows of the table `frames`.
    """

    def __init__(self, data_root: Path, video: Mapping[str, Any], frames: Sequence[Mapping[str, Any]]) -> None:
        self._root = data_root
        self._media = str(video["media"])
        self._paths = {int(row["frame_index"]): row["path"] for row in frames}
        self._is_folder = any(path is not None for path in self._paths.values())
        self._file = None if self._is_folder else VideoFile(below(data_root, self._media), int(video["frame_count"]))

    def __len__(self) -> int:
        return len(self._paths)

    def frame(self, index: int) -> Picture:
        """Frame `index`, from 0; from a video file ascending indices are the quick way.

        Raises:
            FrameError: no such frame, or it cannot be decoded.
        """
        if index not in self._paths:
            raise FrameError(self._media, index, f"expected a frame of the index, which has {len(self._paths)}")
        if self._file is not None:
            return self._file.frame(index)
        return read_picture(below(self._root, self._paths[index]), self._paths[index], index)

    def read(self, indices: Iterable[int]) -> Iterator[tuple[int, Picture]]:
        """Each asked frame with its index, in the order asked; ascending order decodes a video file once."""
        for index in indices:
            yield index, self.frame(index)


class VideoFile:
    """Frames of a video file by their position in time, counted as they decode.

    `frame_count` is what the file decodes to; while as many packets are stored, a far frame is reached by seeking
    to the key frame before it, else by decoding from the start. Both give the same bytes.
    """

    def __init__(self, path: Path, frame_count: int) -> None:
        self._path, self._frame_count = path, frame_count
        self._times: list[int] | None = None
        self._decoding: Iterator[tuple[int, Any]] = iter(())
        self._here: tuple[int, Picture] | None = None

    def frame(self, index: int) -> Picture:
        """Frame `index`, from 0; raises FrameError where the file ends before it or breaks, MachineError else."""
        if self._here is None or self._here[0] != index:
            here, self._here = self._here, None
            self._here = (index, self._decode(index, -1 if here is None else here[0]))
        return self._here[1]

    def _decode(self, index: int, position: int) -> Picture:
        """Go on from `position`, the frame decoded last, or begin anew (-1, or where that is shorter)."""
        try:
            if position < 0 or not position < index <= position + _NEAR_FRAMES:
                self._decoding = self._decoded_from(index)
            for number, frame in self._decoding:
                if number == index:
                    return upright(frame)
        except (av.FFmpegError, OSError) as error:
            raise_machine_fault(error, file=self._path)
            raise FrameError(self._path.name, index, f"cannot be decoded: {error.strerror or error}") from error
        raise FrameError(self._path.name, index, "expected this frame, got the end of the file")

    def _decoded_from(self, index: int) -> Iterator[tuple[int, Any]]:
        """Decoded frames with their position, starting at or before `index`."""
        if self._times is None:
            self._times = presentation_times(self._path)
        if _NEAR_FRAMES < index < self._frame_count == len(set(self._times)) == len(self._times):
            return self._sought(index, self._times)
        return enumerate(decoded_frames(self._path))

    def _sought(self, index: int, times: list[int]) -> Iterator[tuple[int, Any]]:
        positions = {time: position for position, time in enumerate(times)}
        frames = decoded_frames(self._path, from_time=times[index])
        first = next(frames, None)
        if first is None or first.pts not in positions or positions[first.pts] > index:
            yield from enumerate(decoded_frames(self._path))
            return
        yield positions[first.pts], first
        for frame in frames:
            yield positions.get(frame.pts, -1), frame


def read_picture(path: Path, name: str | None = None, frame: int | None = None) -> Picture:
    """The picture file as RGB uint8 (H,W,3).

    Raises:
        FrameError: not there, or not a whole picture; names the file `name` and the frame.
        MachineError: disk, memory or a permission failed.
    """
    try:
        return decode_picture(path.read_bytes())
    except OSError as error:
        raise_machine_fault(error)
        reason = f"expected a picture file, got {error.strerror or error}"
    except ValueError as error:
        reason = str(error)
    raise FrameError(name or str(path), frame, reason)


def decode_picture(data: bytes, *, as_stored: bool = False) -> Picture:
    """RGB uint8 (H,W,3) of an encoded picture, upright or `as_stored`; ValueError when it is none or ends too early."""
    picture = None
    if data:
        _require_usual_size(data)
        try:
            picture = cv2.imdecode(
                np.frombuffer(data, dtype=np.uint8), _DECODE | as_stored * cv2.IMREAD_IGNORE_ORIENTATION
            )
        except cv2.error as error:
            if error.code == cv2.Error.StsNoMem:
                raise MemoryError(error.err) from error
            raise ValueError(f"expected a picture that OpenCV decodes, got {error.err}") from error
    if picture is None:
        raise ValueError(f"expected a whole JPEG or PNG, got {len(data)} bytes that do not decode; fetch it again")
    return np.asarray(picture, dtype=np.uint8)


def _require_usual_size(data: bytes) -> None:
    """Refuse a PNG or JPEG that is small as a file and huge as a picture; ValueError states its size."""
    width, height = _stated_size(data)
    if width * height > LARGEST_PICTURE_PX:
        limit = f"at most {LARGEST_PICTURE_PX >> 20} Mpx"
        raise ValueError(f"expected a picture of {limit}, got {width}x{height} in {len(data)} bytes")


def _stated_size(data: bytes) -> tuple[int, int]:
    """Width and height that the header of a PNG or JPEG states; 0, 0 of other files, which OpenCV limits."""
    if data.startswith(_PNG):
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at = 2 if data.startswith(_JPEG) else len(data)
    while at + 9 <= len(data) and data[at] == _MARKER:
        code, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if code in _FRAME_HEADERS:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 1 if code == _MARKER else 2 + length
    return 0, 0


def decoded_frames(path: Path, *, from_time: int | None = None) -> Iterator[Any]:
    """PyAV frames of the video in order of time, from the key frame at or before `from_time` on.

    The file is closed when the iterator ends or is dropped. Raises av.FFmpegError or OSError.
    """
    with closing(av.open(str(path))) as container:
        stream = shown_stream(container)
        if stream.width * stream.height > LARGEST_PICTURE_PX:
            raise OSError(f"pictures of {stream.width}x{stream.height} px, beyond {LARGEST_PICTURE_PX >> 20} Mpx")
        if from_time is not None:
            container.seek(from_time, stream=stream, backward=True)
        yield from container.decode(stream)


def shown_stream(container: Any) -> Any:
    """The video stream that players show: no cover of a song, no thumbnail beside a longer stream.

    Raises:
        OSError: there is none.
    """
    if container.format.name in _LISTS:
        raise OSError(f"a list of other files ({container.format.name})")
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        raise OSError(NO_VIDEO if container.streams.audio else _CUT_OFF)
    best = container.streams.best("video")
    return best if best in moving else moving[0]


def upright(frame: Any) -> Picture:
    """A decoded frame as RGB (H,W,3), turned and mirrored as the display matrix of its video asks."""
    across, down = _display_axes(frame)
    stored = frame.to_ndarray(format="rgb24")
    shown = stored.transpose(1, 0, 2) if across[0] == 0 else stored
    steps = (-1 if sum(down) < 0 else 1, -1 if sum(across) < 0 else 1)
    return np.ascontiguousarray(shown[:: steps[0], :: steps[1]], dtype=np.uint8)


def upright_size(frame: Any) -> tuple[int, int]:
    """Width and height of `upright`."""
    is_on_its_side = _display_axes(frame)[0][0] == 0
    return (frame.height, frame.width) if is_on_its_side else (frame.width, frame.height)


def _display_axes(frame: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """How much stored x and y count for the x that is shown, and for its y: 0, 1 or -1 each.

    Phones write display matrices of quarter turns, and of mirrors for the camera that faces the user; other matrices,
    which no camera writes, count as none.
    """
    matrix = next((data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)
    if matrix is None:
        return (1, 0), (0, 1)
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    ax, bx, cx, dx = (round(value / _ONE) for value in (a, b, c, d))
    is_quarter = {abs(ax), abs(bx)} == {0, 1} and abs(ax) == abs(dx) and abs(bx) == abs(cx)
    return ((ax, cx), (bx, dx)) if is_quarter else ((1, 0), (0, 1))


def presentation_times(path: Path, *, with_hidden: bool = False) -> list[int]:
    """Times of the packets of the video, ascending, in its time base; read without decoding.

    Packets that an edit list hides, such as lead-in frames, are left out unless `with_hidden`.
    """
    with closing(av.open(str(path))) as container:
        packets = container.demux(shown_stream(container))
        return sorted(
            packet.pts
            for packet in packets
            if packet.size and packet.pts is not None and (with_hidden or not packet.is_discard)
        )
