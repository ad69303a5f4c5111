"""The status of an out folder as a page, of the same parts as the report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.scheduling.status import counts_in_words, state_in_words
from tasks.reporting.grid import Grid, grid_of
from tasks.reporting.html import render
from tasks.reporting.labels import counted, time_text
from tasks.whole_files import write_whole

Row = Mapping[str, Any]


def write_status_page(status: Row) -> Path:
    """Write reports/status.html of the out folder with this status (see `status_of`); return it."""
    out = Path(status["out"])
    page = render(
        "status.html",
        name=out.name,
        running=status["running"],
        counts=counts_in_words(status),
        videos=_videos(status),
        occurrences=grid_of([_occurrence(row) for row in status["occurrences"]], "The last runs at set times"),
        schedules=[_schedule(row) for row in status["schedules"]],
        has_report=(out / "reports" / "index.html").is_file(),
    )
    return write_whole(out / "reports" / "status.html", page)


def _videos(status: Row) -> Grid:
    rows = [
        {
            "video": video["video_id"],
            "state": state_in_words(video),
            "stale since a change of": " and ".join(video["stale"]),
            "frames": video["frames"],
            "seconds": float(video["seconds"]),
            "attempts": video["attempts"],
            "files": video["results"],
            "reason": video["reason"],
        }
        for video in status["videos"]
    ]
    return grid_of(rows, f"What became of {counted(len(rows), 'video')}", file_name="video_states")


def _occurrence(row: Row) -> Row:
    return {
        "time": time_text(row["time"]),
        "result": row["result"],
        "seconds": float(row["seconds"] or 0),
        "message": row["message"] or "",
    }


def _schedule(row: Row) -> str:
    coming = f"next run {time_text(row['next'])}" if row["next"] else "no process serves it now"
    return f"{row['timetable']}; {coming}"
