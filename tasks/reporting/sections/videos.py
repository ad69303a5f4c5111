"""The videos: a clip of each that has one with its timeline, and what was counted in it."""

from tasks.reporting import gather
from tasks.reporting.gather import Row
from tasks.reporting.grid import grid_of
from tasks.reporting.run_facts import RunFacts
from tasks.reporting.timelines import timelines

_OF_ANNOTATED = ("split", "labelled")
"""Columns that say nothing where there is no ground truth."""


def videos(run: RunFacts) -> Row:
    """Clips and a row for each tracked video; both may be empty."""
    switches = {row["video"]: row for row in gather.by_scope(run.scores, "video", "video")}
    rows = sorted(run.videos, key=lambda row: row["video"] not in switches)
    shown = []
    for row in rows:
        scored = switches.get(row["video"], {})
        tags = row["tags"]
        counts = {name: value for name, value in row.items() if name != "tags"}
        kept = {
            name: value for name, value in counts.items() if run.corpus["is_annotated"] or name not in _OF_ANNOTATED
        }
        if switches:
            kept |= {name: scored.get(name) for name in ("mAP", "MOTA", "identity switches")}
        shown.append(kept | ({"tags": tags} if any(tags) else {}))
    caption = "Boxes, poses and tracks of each video"
    caption += "; identity switches are summed over joints; –: not scored" if switches else ""
    lines = timelines(run.workspace, run.params, [clip["video_id"] for clip in run.clips])
    clips = [clip | {"timeline": lines.get(clip["video_id"])} for clip in run.clips]
    return {"clips": clips, "grid": grid_of(shown, caption, file_name="videos", absent="–")}
