"""The videos: a player of each with its timeline, a few at a time, and what was counted in it."""

from typing import Final

from tasks.reporting import gather
from tasks.reporting.annotated_poses import BONES
from tasks.reporting.gather import Row
from tasks.reporting.grid import Grid, grid_of
from tasks.reporting.labels import label
from tasks.reporting.players import overlay_players
from tasks.reporting.run_facts import RunFacts
from tasks.reporting.timelines import timelines

AT_ONCE: Final = 12
"""Videos that the page shows at a time."""
_MOST_BYTES: Final = 6_000_000
"""Of annotated poses on the page; videos after that go without."""
_TOO_MANY: Final = "The annotated poses of this video are too many for this page and are not drawn over it."
_OF_ANNOTATED: Final = ("split", "labelled")
"""Columns that say nothing where there is no ground truth."""
_COUNTS: Final = ("frames", "labelled", "boxes", "poses", "recovered", "tracks", "merged", "tracked poses")


def videos(run: RunFacts) -> Row:
    """A player or a timeline of each tracked video, those with a clip first, and a row for each; both may be empty."""
    shown = [*run.clips, *overlay_players(run)]
    lines = timelines(run.workspace, run.params, [row["video_id"] for row in shown])
    entries = [
        row | {"overlay": run.overlays.get(row["video_id"]), "timeline": lines.get(row["video_id"])} for row in shown
    ]
    _limit_poses(entries)
    for entry in entries:
        entry["words"] = " ".join([entry["video_id"], *map(label, entry["tags"])])
    bones = ",".join(f"{start}-{end}" for start, end in BONES)
    counts = {"at_once": AT_ONCE, "clip_count": run.params.report.clip_count}
    return {"entries": entries, "bones": bones, "grid": video_grid(run), **counts}


def _limit_poses(entries: list[Row]) -> None:
    """Keep annotated poses only where something plays, and no more of them than the page can take."""
    size = 0
    for entry in entries:
        if (timeline := entry["timeline"]) is None or timeline["note"]:
            continue
        poses = timeline["poses"] if entry["path"] else ""
        size += len(poses)
        kept = poses if size <= _MOST_BYTES else ""
        entry["timeline"] = timeline | {"poses": kept, "note": _TOO_MANY if entry["path"] and not kept else ""}


def video_grid(run: RunFacts) -> Grid:
    """A row for each tracked video with its counts; scored ones first."""
    switches = {row["video"]: row for row in gather.by_scope(run.scores, "video", "video")}
    shown = []
    for row in sorted(run.videos, key=lambda row: row["video"] not in switches):
        scored = switches.get(row["video"], {})
        hidden = () if run.corpus["is_annotated"] else _OF_ANNOTATED
        kept = {name: row[name] for name in ("video", "split", *_COUNTS) if name not in hidden}
        if switches:
            kept |= {name: scored.get(name) for name in ("mAP", "MOTA", "identity switches")}
        shown.append(kept | ({"tags": row["tags"]} if any(row["tags"]) else {}))
    caption = "Boxes, poses and tracks of each video"
    caption += "; identity switches are summed over joints; –: not scored" if switches else ""
    return grid_of(shown, caption, file_name="videos", absent="–")
