"""Overlays: each tracked video once more at its own size and times, with skeletons, identities and trails."""

import os
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from models.arrays import FloatArray, Picture
from models.keypoints import POSETRACK_KEYPOINTS
from tasks.errors import machine_fault
from tasks.frames import FrameError, VideoFrames, decoded_frames, shown_stream, upright
from tasks.fresh_videos import FreshVideos
from tasks.out_folder import remove_written
from tasks.paths import below
from tasks.progress import current
from tasks.reporting import gather
from tasks.reporting.drawing import draw_poses, draw_trail, overlay_style, shown_keypoints
from tasks.reporting.drawn_frames import DrawnFrame, drawn_frames, tracked_box_source
from tasks.reporting.faces import concealed
from tasks.reporting.movie import MovieForm, Sound, TimedPicture, write_movie
from tasks.tables import TABLES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_TRAIL_FRAMES: Final = 24
"""So many frames back a trail reaches."""
_HIPS: Final = [POSETRACK_KEYPOINTS.index(f"{side}_hip") for side in ("left", "right")]
_POSES: Final = ("poses", "recovered_poses")
_TRACKS: Final = ("tracks", "merged_tracks")


def write_overlays(workspace: Workspace, params: "Params") -> dict[str, str]:
    """Write overlays/<video_id>.mp4 of every tracked video where the workspace has a folder for them.

    Gives the path of each from the folder of the report, by its video.

    A video whose pictures, tracks and params are those of its overlay is not drawn again.
    """
    if workspace.overlays is None:
        return {}
    videos = gather.records(gather.read_frame(workspace, "videos"))
    if not params.report.overlays:
        for video in videos:
            remove_written(_path(workspace.overlays, video))
        return {}
    videos = [video for video in videos if TABLES["tracks"].path(workspace.tables, video["video_id"]).exists()]
    parts = [params.report.people, params.report.clip_frames_per_second, params.track.output_keypoint_threshold]
    fresh = FreshVideos(workspace, "report", parts, record="overlays")
    current().start("overlays", len(videos))
    for done, video in enumerate(videos, start=1):
        _overlay_if_stale(workspace, params, video, workspace.overlays, fresh=fresh)
        current().advance(done, video=video["video_id"])
    fresh.keep()
    paths = {video["video_id"]: _path(workspace.overlays, video) for video in videos}
    return {name: os.path.relpath(path, workspace.reports) for name, path in paths.items() if path.is_file()}


def _path(folder: Path, video: gather.Row) -> Path:
    return folder / f"{video['video_id']}.mp4"


def _overlay_if_stale(
    workspace: Workspace, params: "Params", video: gather.Row, folder: Path, *, fresh: FreshVideos
) -> None:
    video_id = video["video_id"]
    inputs = [TABLES[name].path(workspace.tables, video_id) for name in (*_TRACKS, *_POSES)]
    key = fresh.key(inputs, repr(sorted(video.items())))
    if fresh.facts(video_id, key) is not None:
        return
    path = _path(folder, video)
    try:
        overlay = _Overlay(workspace, params, video)
        try:
            write_movie(overlay.pictures(), path, overlay.form, overlay.sound)
        except av.FFmpegError as error:
            if machine_fault(error) or not overlay.drop_sound(f"MP4 does not take its sound: {error.strerror}"):
                raise
            write_movie(overlay.pictures(), path, overlay.form, overlay.sound)
    except (FrameError, av.FFmpegError, ValueError) as error:
        if machine_fault(error):
            raise
        remove_written(path)  # an earlier one may show what this one must not
        current().notice(f"{video_id} has no overlay: {getattr(error, 'strerror', None) or error}")
        return
    if overlay.sound.left_out:
        current().notice(f"The overlay of {video_id} is silent: {overlay.sound.left_out}")
    fresh.record(video_id, key, [path], {})


class _Overlay:
    """One video with what is drawn on it."""

    def __init__(self, workspace: Workspace, params: "Params", video: gather.Row) -> None:
        self._workspace, self._video, self._people = workspace, video, params.report.people
        self._threshold = params.track.output_keypoint_threshold
        self._frames = gather.read_frames_of(workspace, video["video_id"])
        self._file = None
        if all(frame["path"] is None for frame in self._frames):
            self._file = below(workspace.data, video["media"])
        rate = video["frames_per_second"] or params.report.clip_frames_per_second
        self.form = _form(self._file, rate)
        # voices identify people as faces do
        self.sound = Sound(self._file if self._people != "skeletons" else None)

    def drop_sound(self, reason: str) -> bool:
        """Have no sound, for a reason; False where there is none anyway."""
        had_sound, self.sound = self.sound.has_source, Sound(None)
        self.sound.left_out = reason
        return had_sound

    def pictures(self) -> Iterator[TimedPicture]:
        """The drawn pictures of all frames in order."""
        trails = _Trails(self._threshold)
        for index, ((picture, time), (rows, circles)) in enumerate(zip(self._source(), self._drawn(), strict=True)):
            drawn = np.ascontiguousarray(concealed(picture, self._people, circles).copy())
            style = overlay_style(drawn.shape[0])
            for track_id, points in trails.through(index, rows):
                draw_trail(drawn, points, track_id, style)
            draw_poses(drawn, rows, style=style, scale=1.0, keypoint_threshold=self._threshold)
            yield TimedPicture(drawn, time)

    def _drawn(self) -> Iterator[DrawnFrame]:
        box_source = tracked_box_source(self._workspace, self._video["video_id"])
        return drawn_frames(self._workspace, self._video, box_source, blurs=self._people == "faces_blurred")

    def _source(self) -> Iterator[tuple[Picture, Fraction]]:
        """Picture and time of each frame of the index."""
        count = int(self._video["frame_count"])
        if self._file is None:
            frames = VideoFrames(self._workspace.data, self._video, self._frames).read(range(count))
            yield from ((picture, self._time(index)) for index, picture in frames)
            return
        frames = decoded_frames(self._file)
        for index in range(count):
            if (frame := next(frames, None)) is None:
                raise FrameError(self._file.name, index, "expected this frame, got the end of the file")
            yield upright(frame), self.form.start + self._time(index)

    def _time(self, index: int) -> Fraction:
        """Time of a frame since the first."""
        seconds = self._frames[index]["seconds"]
        return index / self.form.rate if seconds is None else Fraction(seconds)


class _Trails:
    """Where each person was in the last frames."""

    def __init__(self, keypoint_threshold: float) -> None:
        self._threshold = keypoint_threshold
        self._positions: dict[int, list[tuple[int, FloatArray]]] = {}

    def through(self, index: int, rows: list[gather.Row]) -> list[tuple[int, list[FloatArray]]]:
        """Identity and positions, old ones first, of those who are in frame `index`."""
        for row in rows:
            if (position := _position(row, self._threshold)) is not None:
                self._positions.setdefault(int(row["track_id"]), []).append((index, position))
        oldest = index - _TRAIL_FRAMES + 1
        self._positions = {key: known for key, known in self._positions.items() if known[-1][0] >= oldest}
        trails = []
        for row in rows:
            known = self._positions.get(int(row["track_id"]), [])
            known[:] = [entry for entry in known if entry[0] >= oldest]
            trails.append((int(row["track_id"]), [position for _, position in known]))
        return trails


def _position(row: gather.Row, threshold: float) -> FloatArray | None:
    """The middle of the hips, or of all that is shown; None where nothing is."""
    is_shown = shown_keypoints(row, threshold)
    xy = np.column_stack([row["x"], row["y"]]).astype(np.float64)
    if is_shown[_HIPS].all():
        return np.asarray(xy[_HIPS].mean(axis=0))
    return np.asarray(xy[is_shown].mean(axis=0)) if is_shown.any() else None


def _form(file: Path | None, rate: float) -> MovieForm:
    """Time base, rate, start and shape of pixels of a video file, or of pictures at a rate."""
    exact = Fraction(rate).limit_denominator(1001)
    if file is None:
        return MovieForm(1 / exact, exact)
    with av.open(str(file)) as container:
        stream = shown_stream(container)
        aspect = Fraction(stream.codec_context.sample_aspect_ratio or 1)
        shown_rate = Fraction(stream.average_rate or exact)
        base = Fraction(stream.time_base or 1 / exact)
        base /= max(1, ceil(shown_rate * base))  # MKV counts milliseconds, which two frames may share
        sound_from = Fraction(container.start_time or 0, av.time_base) if container.streams.audio else None
        frame = next(container.decode(stream), None)
    if frame is None:
        raise FrameError(file.name, 0, "expected this frame, got the end of the file")
    first = Fraction(0) if frame.pts is None else frame.pts * Fraction(frame.time_base)
    is_on_its_side = round(frame.rotation / 90) % 2
    return MovieForm(
        time_base=base,
        rate=shown_rate,
        start=Fraction(0) if sound_from is None else max(Fraction(0), first - sound_from),
        pixel_aspect=1 / aspect if is_on_its_side else aspect,
    )
