"""Stage `report`: one HTML page of the run, with clips of the tracked videos."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from models.arrays import Picture
from tasks.frames import FrameError, VideoFrames
from tasks.fresh_videos import FreshVideos
from tasks.out_folder import remove_written
from tasks.progress import current
from tasks.reporting import gather
from tasks.reporting.clips import poster_of, write_clip
from tasks.reporting.drawing import draw_tracks
from tasks.reporting.drawn_frames import drawn_frames, final_tracks
from tasks.reporting.faces import concealed
from tasks.reporting.figures.paper_figures import draw_figures
from tasks.reporting.overlays import write_overlays
from tasks.reporting.page import render_page
from tasks.reporting.players import player_sides, tracks_caption
from tasks.reporting.run_facts import RunFacts
from tasks.reporting.summary import render_summary
from tasks.tables import TABLES, read_table
from tasks.tables.schemas import MERGED_TRACKS
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_BOXES: Final = "detected"
"""Whose tracks clips show."""


def run(workspace: Workspace, params: "Params") -> None:
    """Write `reports/index.html` with clips and figures.json, `summary.md`, and overlays."""
    clips = _write_clips(workspace, params)
    figures = draw_figures(workspace, params) if params.report.people == "shown" else []
    overlays = write_overlays(workspace, params)
    finished = RunFacts(workspace, params, clips, figures, overlays)
    page = render_page(finished)
    write_whole(workspace.reports / "index.html", page)
    write_whole(workspace.reports / "summary.md", render_summary(finished))
    current().summary(clips=len(clips), overlays=len(overlays), bytes=len(page.encode()))


def _write_clips(workspace: Workspace, params: "Params") -> list[gather.Row]:
    folder = workspace.reports / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    videos = _shown_videos(workspace, params.report.clip_count)
    fresh = FreshVideos(workspace, "report", [params.report.model_dump(), params.track.output_keypoint_threshold])
    current().start("clips", len(videos))
    clips: dict[str, list[gather.Row]] = {}
    for done, video in enumerate(videos, start=1):
        clips[video["video_id"]] = _clip_if_stale(workspace, params, video, fresh)
        current().advance(done, video=video["video_id"])
    fresh.keep()
    not_shown = set(gather.read_frame(workspace, "videos")["video_id"]) - {name for name, rows in clips.items() if rows}
    for earlier in (*folder.rglob("*.mp4"), *folder.rglob("*.jpg")):
        name = earlier.relative_to(folder).with_suffix("").as_posix()
        if name in not_shown:  # clips of videos of an earlier corpus stay
            remove_written(earlier)
    return [row for rows in clips.values() for row in rows]


def _clip_if_stale(workspace: Workspace, params: "Params", video: gather.Row, fresh: FreshVideos) -> list[gather.Row]:
    """The clip of one video, drawn unless tracks and pictures are the same as before."""
    tables = [TABLES[name].path(workspace.tables, video["video_id"]) for name in ("tracks", "merged_tracks")]
    key = fresh.key(tables, repr(sorted(video.items())))
    if (known := fresh.facts(video["video_id"], key)) is not None:
        return list(known["clips"])
    if clips := _write_clip(workspace, params, video):
        files = [workspace.reports / clips[0][name] for name in ("path", "poster")]
        fresh.record(video["video_id"], key, files, {"clips": clips})
    return clips


def _shown_videos(workspace: Workspace, count: int) -> list[gather.Row]:
    """The first tracked videos, those of the validation split before those of training."""
    videos = gather.read_frame(workspace, "videos")
    tracked = [TABLES["tracks"].path(workspace.tables, name).exists() for name in videos["video_id"]]
    videos = videos[np.array(tracked, dtype=bool)]  # an empty list would select columns
    return gather.records(videos.sort_values(["split", "video_id"], ascending=[False, True]).head(count))


def _write_clip(workspace: Workspace, params: "Params", video: gather.Row) -> list[gather.Row]:
    video_id = video["video_id"]
    rate = video["frames_per_second"]
    try:
        path = write_clip(
            _drawn(workspace, params, video),
            workspace.reports / "clips" / f"{video_id}.mp4",
            frames_per_second=params.report.clip_frames_per_second if pd.isna(rate) else float(rate),
        )
    except FrameError as error:
        current().notice(f"{video_id} is not shown as a clip: {error}")
        return []
    table = final_tracks(workspace, video_id)
    tracks = read_table(table, table.path(workspace.tables, video_id), ["box_source", "track_id"])
    count = pc.count_distinct(tracks.filter(pc.equal(tracks["box_source"], _BOXES))["track_id"]).as_py()
    caption = tracks_caption(count, video["frame_count"], is_merged=table is MERGED_TRACKS)
    clip_files = {"path": path, "poster": poster_of(path)}
    files = {name: file.relative_to(workspace.reports).as_posix() for name, file in clip_files.items()}
    facts = {"video_id": video_id, "caption": caption, "tags": list(video["tags"])}
    return [facts | player_sides(video["width"], video["height"]) | files]


def _drawn(workspace: Workspace, params: "Params", video: gather.Row) -> Iterator[Picture]:
    scale = min(1.0, params.report.clip_height_px / video["height"]) if video["height"] > 0 else 1.0
    threshold = params.track.output_keypoint_threshold
    source = VideoFrames(workspace.data, video, gather.read_frames_of(workspace, video["video_id"]))
    drawn = drawn_frames(workspace, video, _BOXES, blurs=params.report.people == "faces_blurred")
    for (_, whole), (rows, heads) in zip(source.read(range(video["frame_count"])), drawn, strict=True):
        picture = concealed(whole, params.report.people, heads)
        yield draw_tracks(picture, rows, scale=scale, keypoint_threshold=threshold)
