"""Pictures as an H.264 video with the times they have, and the sound of another file beside them."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from models.arrays import Picture
from tasks.whole_files import whole_file

_OPTIONS: Final = {"crf": "20", "preset": "veryfast", "threads": "1", "bf": "0"}
"""One thread, so that equal pictures give equal bytes; no frames that are stored out of order, so that times stay."""
_MATRIX: Final = 6
"""SMPTE 170M, by which RGB is converted; players must know."""
_LIMITED_RANGE: Final = 1
_NAMED: Final = {1: "mono", 2: "stereo"}
"""Layout of so many channels of sound."""


@dataclass(frozen=True)
class TimedPicture:
    """A picture (H,W,3) RGB that is shown from `time` on, in seconds."""

    picture: Picture
    time: Fraction


@dataclass(frozen=True)
class MovieForm:
    """What the pictures of a movie have in common."""

    time_base: Fraction
    """Every time is a multiple of it, in seconds."""
    rate: Fraction
    """Frames per second on average."""
    start: Fraction = Fraction(0)
    """When the first picture is shown after the start of the sound, in seconds."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel against its height, when the picture is upright."""


class Sound:
    """The audio streams of a file, to be copied as they are.

    Args:
        source: the file; None, or a file without sound, gives none.
    """

    def __init__(self, source: Path | None) -> None:
        self._source = source
        self.left_out = ""
        """Why sound is not copied, as the end of a sentence."""

    @property
    def has_source(self) -> bool:
        """Whether there is a file to copy from."""
        return self._source is not None

    @contextmanager
    def packets_into(self, target: Any) -> Iterator["Iterator[Any]"]:
        """Add the streams to the container `target`, and give their packets in the order of the file."""
        if self._source is None:
            yield iter(())
            return
        with closing(av.open(str(self._source))) as container:
            streams = [stream for stream in container.streams.audio if self._fits(stream, target)]
            pairs = {stream.index: _copied_stream(stream, target) for stream in streams}
            yield self._packets(container, streams, pairs) if streams else iter(())

    def _fits(self, stream: Any, target: Any) -> bool:
        name = stream.codec_context.name if stream.codec_context else "an unknown form"
        fits = bool(stream.codec_context) and stream.codec.canonical_name in target.supported_codecs
        if not fits:
            self.left_out = f"its sound ({name}) has no place in MP4"
        return fits

    def _packets(self, container: Any, streams: list[Any], pairs: dict[int, Any]) -> Iterator[Any]:
        start = Fraction(container.start_time or 0, av.time_base)
        try:
            for packet in container.demux(streams):
                if packet.dts is None or packet.pts is None:  # the end of a stream
                    continue
                shift = round(start / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = pairs[packet.stream.index]
                yield packet
        except av.FFmpegError as error:
            self.left_out = f"its sound breaks off: {error.strerror}"


def _copied_stream(stream: Any, target: Any) -> Any:
    """A stream of the same form in `target`; MP4 wants the channels named, which AVI does not do."""
    copied = target.add_stream_from_template(stream)
    if stream.layout.name not in _NAMED.values() and stream.channels in _NAMED:
        copied.layout = _NAMED[stream.channels]
    return copied


def write_movie(pictures: Iterable[TimedPicture], path: Path, form: MovieForm, sound: Sound) -> int:
    """Write an MP4 whole or not at all and return the number of pictures; a side of odd length grows by one pixel.

    Raises:
        ValueError: there is no picture.
    """
    source = iter(pictures)
    first = next(source, None)
    if first is None:
        raise ValueError(f"{path.name}: a video needs at least one picture, got none")
    count = 0
    options = {"movflags": "faststart", "fflags": "+bitexact"}
    with whole_file(path) as partial, av.open(str(partial), "w", options=options) as container:
        stream = _video_stream(container, _even(first.picture), form)
        with sound.packets_into(container) as packets:
            following = next(packets, None)
            for timed in chain((first,), source):
                while following is not None and following.pts * following.time_base <= timed.time:
                    container.mux(following)
                    following = next(packets, None)
                container.mux(stream.encode(_frame(_even(timed.picture), timed.time, form)))
                count += 1
            container.mux(stream.encode(None))
            while following is not None:
                container.mux(following)
                following = next(packets, None)
    return count


def _video_stream(container: Any, picture: Picture, form: MovieForm) -> Any:
    stream = container.add_stream("libx264", rate=form.rate)
    stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
    stream.options, stream.thread_count = _OPTIONS, 1
    stream.time_base = stream.codec_context.time_base = form.time_base
    stream.codec_context.sample_aspect_ratio = form.pixel_aspect
    stream.codec_context.colorspace, stream.codec_context.color_range = _MATRIX, _LIMITED_RANGE
    return stream


def _frame(picture: Picture, time: Fraction, form: MovieForm) -> Any:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = round(time / form.time_base), form.time_base
    return frame


def _even(picture: Picture) -> Picture:
    """The picture with its last row or column twice where their number is odd: yuv420p has no odd sizes."""
    below, right = (side % 2 for side in picture.shape[:2])
    if not below and not right:
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)
