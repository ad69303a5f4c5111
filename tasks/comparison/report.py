"""The comparison of two runs as data, as Markdown, and as a page with the clips of both side by side."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from models.arrays import Picture
from tasks.comparison.errors import VideoErrors, compare_errors, pose_answers, totals
from tasks.comparison.metrics import Difference, compare_scores
from tasks.comparison.page import comparison_page
from tasks.comparison.versions import TABLES, ScoredVideo, Version, scored_videos
from tasks.errors import InputError
from tasks.frames import FrameError
from tasks.reporting import gather
from tasks.reporting.clips import poster_of, write_clip
from tasks.reporting.drawing import draw_tracks
from tasks.reporting.labels import joints_text
from tasks.tables import read_table
from tasks.whole_files import write_whole

_SHOWN_VIDEOS: Final = 4
"""Worst regressions and best gains that are shown as clips, each."""
_SHOWN_MOMENTS: Final = 20
_CLIP_HEIGHT_PX: Final = 240
_FRAMES_PER_SECOND: Final = 12.0


class Comparison:
    """Two runs on the videos that both have.

    Args:
        first: what is compared against.
        second: what is judged.
        kind: which tracks, a key of TABLES.
        resamples: draws of the bootstrap.

    Raises:
        InputError: the runs share no annotated video with equal annotations, or one is of an older layout.
    """

    def __init__(self, first: Version, second: Version, *, kind: str, resamples: int) -> None:
        self.first, self.second, self.kind = first, second, kind
        self._scored = [_by_id(version, kind) for version in (first, second)]
        self.videos = self._shared_videos()
        pairs = [(self._scored[0][name], self._scored[1][name]) for name in self.videos]
        self.differences: list[Difference] = compare_scores(
            [first_video.score for first_video, _ in pairs],
            [second_video.score for _, second_video in pairs],
            {second_video.video.video_id: second_video.video.entry.row["tags"] for _, second_video in pairs},
            resamples=resamples,
            seed=int(second.params["run"]["seed"]),
        )
        self.errors: list[VideoErrors] = [compare_errors(*pair) for pair in pairs]
        self.answers = pose_answers(
            [first_video for first_video, _ in pairs], [second_video for _, second_video in pairs]
        )

    def content(self) -> dict[str, Any]:
        """Everything as JSON values."""
        left_out = {version.name: sorted(set(scored) - set(self.videos)) for version, scored in self._sides()}
        ranked = sorted(self.errors, key=lambda video: (-video.balance, video.video_id))
        moments = [moment for video in ranked for moment in video.moments]
        moments.sort(key=lambda moment: (-moment.weight, moment.video_id, moment.frame_index))
        return {
            "first": self.first.name,
            "second": self.second.name,
            "tracks": self.kind,
            "videos": self.videos,
            "left_out": left_out,
            "params": changed_params(self.first.params, self.second.params),
            "stages": changed_stages(self.first.stages, self.second.stages),
            "metrics": [difference.row() for difference in self.differences],
            "errors": totals(self.errors),
            "keypoints": self.answers,
            "by_video": [
                {"video_id": video.video_id, "balance": video.balance, "errors": video.counts} for video in ranked
            ],
            "moments": [moment.row() for moment in moments],
            "origins": [self.first.origin(), self.second.origin()],
        }

    def write(self, folder: Path) -> Path:
        """Write `<folder>.html`, `<folder>.json` and clips in `folder`; return the page."""
        content = self.content()
        write_whole(folder.with_name(f"{folder.name}.json"), json.dumps(content, indent=2, allow_nan=False) + "\n")
        clips = [clip for video_id in self._shown() for clip in self._write_clips(video_id, folder)]
        page = comparison_page(content, clips, content["moments"][:_SHOWN_MOMENTS])
        return write_whole(folder.with_name(f"{folder.name}.html"), page)

    def _sides(self) -> Iterator[tuple[Version, dict[str, ScoredVideo]]]:
        return zip((self.first, self.second), self._scored, strict=True)

    def _shared_videos(self) -> list[str]:
        first, second = self._scored
        shared = sorted(
            name for name in set(first) & set(second) if first[name].truth_sha256 == second[name].truth_sha256
        )
        if not shared:
            raise InputError(
                f"{self.first.name} and {self.second.name}: expected an annotated video that both have tracks of, got "
                f"{len(first)} and {len(second)} annotated videos and none in common with equal annotations"
            )
        return shared

    def _shown(self) -> list[str]:
        ranked = sorted((video for video in self.errors if video.balance), key=lambda video: -video.balance)
        worse = [video.video_id for video in ranked if video.balance > 0][:_SHOWN_VIDEOS]
        better = [video.video_id for video in reversed(ranked) if video.balance < 0][:_SHOWN_VIDEOS]
        return worse + better

    def _write_clips(self, video_id: str, folder: Path) -> Iterator[dict[str, Any]]:
        """The clips of one video; none where its pictures are not at hand."""
        video = next(video for video in self.errors if video.video_id == video_id)
        names = [f"{video_id}.{side}.mp4" for side in ("first", "second")]
        try:
            for (version, scored), name in zip(self._sides(), names, strict=True):
                pictures = _drawn(version, scored[video_id], self.kind)
                write_clip(pictures, folder / name, frames_per_second=_FRAMES_PER_SECOND)
        except FrameError:
            return
        moment = video.moments[0]
        yield {
            "video_id": video_id,
            "paths": [f"{folder.name}/{name}" for name in names],
            "posters": [f"{folder.name}/{poster_of(Path(name))}" for name in names],
            "balance": video.balance,
            "seconds": moment.frame_index / _FRAMES_PER_SECOND,
            "frame_index": moment.frame_index,
            "text": describe(moment.row()),
        }


def changed_params(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Dotted keys whose values differ, with both values; a key that one side lacks has null there."""
    ours, theirs = dict(_flat(first)), dict(_flat(second))
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return [{"key": name, "first": ours.get(name), "second": theirs.get(name)} for name in names]


def changed_stages(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Stages whose record in dvc.lock differs: their own params, code, inputs, and whether the results differ."""
    rows = []
    for stage in {**first, **second}:
        ours, theirs = first.get(stage, {}), second.get(stage, {})
        if ours == theirs:
            continue
        dependencies = _different(ours.get("deps", []), theirs.get("deps", []))
        code = [path for path in dependencies if path.startswith(("models", "tasks"))]
        rows.append(
            {
                "stage": stage,
                "params": ours.get("params") != theirs.get("params"),
                "code": code,
                "inputs": [path for path in dependencies if path not in code],
                "results": bool(_different(ours.get("outs", []), theirs.get("outs", []))),
            }
        )
    return rows


def as_markdown(content: Mapping[str, Any]) -> str:
    """The comparison for a terminal or a pull request."""
    lines = [
        f"**{content['second']}** against **{content['first']}**, {content['tracks']}, {len(content['videos'])} videos",
        "",
    ]
    lines += [f"- {describe_origin(origin)}" for origin in content["origins"]]
    lines += [*(f"- `{row['key']}`: {row['first']} -> {row['second']}" for row in content["params"]), ""]
    lines += ["| metric | first | second | difference | 95 % interval | verdict |", "|---|---:|---:|---:|---|---|"]
    for row in content["metrics"]:
        if row["scope"] == "total":
            cells = [row["metric"], *(number(row[name]) for name in ("first", "second", "difference"))]
            lines.append(f"| {' | '.join([*cells, interval(row), row['verdict']])} |")
    errors = [
        f"{counts['new']} new, {counts['gone']} gone, {counts['common']} common ({kind})"
        for kind, counts in content["errors"].items()
    ]
    lines += ["", "Errors, counted in joints: " + "; ".join(errors) + "."]
    lines.append(f"Annotated joints of poses: {describe_answers(content)}.")
    for name, videos in content["left_out"].items():
        if videos:
            lines.append(f"Not compared, since only {name} has them or their annotations differ: {', '.join(videos)}.")
    return "\n".join(lines) + "\n"


def number(value: float | None) -> str:
    """A value for people."""
    return "undefined" if value is None else f"{value:.1f}" if value % 1 else f"{value:.0f}"


def interval(row: Mapping[str, Any]) -> str:
    """The interval of a difference, or why there is none."""
    return "not computed" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"


def describe(moment: Mapping[str, Any]) -> str:
    """One sentence about a moment."""
    whom = "" if moment["person"] is None else f" of person {moment['person']}"
    track = "" if moment["track"] is None else f" by track {moment['track']}"
    return (
        f"frame {moment['frame_index']}: {moment['change']} {moment['kind']}{whom}{track} "
        f"({joints_text(moment['joints'])})"
    )


def describe_origin(origin: Mapping[str, Any]) -> str:
    """Where a run comes from, in one line."""
    digest, seed = origin["facts"]["params"][:12], origin["facts"]["seed"]
    return f"{origin['title']}: {origin['sentence'] or 'Not recorded.'} Params {digest}, seed {seed}."


def describe_answers(content: Mapping[str, Any]) -> str:
    """How both runs answer the annotated joints, all joints together."""
    total = content["keypoints"][0]
    return ", ".join(f"{name} {count} -> {total['second'][name]}" for name, count in total["first"].items())


def _by_id(version: Version, kind: str) -> dict[str, ScoredVideo]:
    return {scored.video.video_id: scored for scored in scored_videos(version, kind)}


def _drawn(version: Version, scored: ScoredVideo, kind: str) -> Iterator[Picture]:
    video, table = scored.video.entry, TABLES[kind]
    tracks = read_table(table, table.path(version.workspace.tables, video.video_id)).to_pandas()
    tracks = tracks[tracks["box_source"] == version.box_source]
    by_frame = {index: gather.records(rows) for index, rows in tracks.groupby("frame_index")}
    scale = min(1.0, _CLIP_HEIGHT_PX / max(1, int(video.row["height"])))
    for index, picture in video.open(version.workspace.data).read(range(int(video.row["frame_count"]))):
        yield draw_tracks(picture, by_frame.get(index, []), scale=scale, keypoint_threshold=version.output_threshold())


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _different(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> list[str]:
    ours, theirs = ({entry["path"]: entry.get("md5") for entry in entries} for entries in (first, second))
    return [path for path in {**ours, **theirs} if ours.get(path) != theirs.get(path)]
