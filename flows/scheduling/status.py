"""What `corrtrack status` shows: the videos of an out folder, what is stale, what runs, and when the next run is."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from flows.reprocess_params import base_params, keys_of, params_for
from flows.reprocess_request import ReprocessRequest
from flows.runtime.exclusive_run import lease_of
from flows.runtime.lease import holder_of
from flows.runtime.outcomes import ExitCode
from flows.runtime.printing import print_line, printable
from flows.runtime.repository import Repository
from flows.scheduling.occurrences import occurrences
from flows.scheduling.served import schedules_of
from flows.scheduling.state_table import read_states
from flows.scheduling.video_states import STATES, Keys, VideoState
from tasks.errors import InputError
from tasks.out_folder import MARKER

_SHOWN: Final = 8
"""Of the occurrences, the last."""
_PARTIAL: Final = "done in part"
_STATES_IN_WORDS: Final = (*STATES, _PARTIAL)
_ENDED_BADLY: Final = frozenset({"rejected", "failed"})


def status_of(repository: Repository, folder: Path) -> dict[str, Any]:
    """The state of an out folder as JSON values.

    Raises:
        InputError: it is no out folder of `reprocess`.
    """
    out = require_out_folder(folder)
    rows, now = read_states(out), _keys_now(repository, out)
    return {
        "out": str(out),
        "running": holder_of(lease_of(out / ".corrtrack")),
        "counts": {state: count for state in STATES if (count := Counter(row.state for row in rows.values())[state])},
        "schedules": schedules_of(out),
        "occurrences": [asdict(occurrence) for occurrence in occurrences(out)[-_SHOWN:]],
        "videos": [_as_json(row, now) for row in rows.values()],
    }


def exit_code_of(status: dict[str, Any]) -> ExitCode:
    """3 where a video was rejected or failed, or a part of one was left out; else 0."""
    is_bad = any(video["state"] in _ENDED_BADLY or is_partial(video) for video in status["videos"])
    return ExitCode.REJECTED if is_bad else ExitCode.DONE


def is_partial(video: Mapping[str, Any]) -> bool:
    """Whether a video is tracked, but some of its input was left out, for the reason that its row gives."""
    return video["state"] == "done" and bool(video["reason"])


def state_in_words(video: Mapping[str, Any]) -> str:
    """The state of a video, as far as it was tracked."""
    return _PARTIAL if is_partial(video) else str(video["state"])


def counts_in_words(status: Mapping[str, Any]) -> str:
    """How many videos are in each state, with commas between; nothing where there are none."""
    counts = Counter(map(state_in_words, status["videos"]))
    return ", ".join(f"{counts[state]} {state}" for state in _STATES_IN_WORDS if counts[state])


def show_status(console: Console, status: dict[str, Any]) -> None:
    """Print what runs, the counts, and a line for each video."""
    table = Table(title=printable(status["out"]), title_justify="left", show_edge=False)
    for name in ("video", "state", "frames", "seconds", "attempts", "files", "reason"):
        table.add_column(name, justify="left" if name in {"video", "state", "reason"} else "right")
    for video in status["videos"]:
        state = state_in_words(video) + (f", stale: {' and '.join(video['stale'])} changed" if video["stale"] else "")
        numbers = (video["frames"], f"{video['seconds']:.1f}", video["attempts"], video["results"])
        cells = (printable(video["video_id"]), state, *map(str, numbers), printable(video["reason"]))
        table.add_row(*cells)
    console.print(table)
    for occurrence in status["occurrences"]:
        seconds = f" in {occurrence['seconds']:.0f} s" if occurrence["seconds"] else ""
        message = f": {occurrence['message']}" if occurrence["message"] else ""
        print_line(console, f"{occurrence['time']} {occurrence['result']}{seconds}{message}")
    for schedule in status["schedules"]:
        coming = f"next run {schedule['next']}" if schedule["next"] else "no process serves it now"
        print_line(console, f"schedule: {schedule['timetable']}; {coming}")
    running = f"running: {status['running']}" if status["running"] else "nothing runs"
    console.print(f"{counts_in_words(status) or 'no videos yet'}; {running}", markup=False)


def require_out_folder(folder: Path) -> Path:
    """The absolute path of an out folder that a run has written to.

    Raises:
        InputError: it is not there, or no run has written to it.
    """
    out = folder.expanduser().resolve()
    if not (out / MARKER).is_file():
        raise InputError(f"{out}: expected an out folder of `corrtrack reprocess` or `schedule`, found none")
    return out


def _as_json(row: VideoState, now: Keys | None) -> dict[str, Any]:
    stale = []
    if row.state == "done" and now is not None:
        stale = [name for name, key in asdict(now).items() if asdict(row.keys)[name] != key]
    return asdict(row) | {"stale": stale}


def _keys_now(repository: Repository, out: Path) -> Keys | None:
    """What a run with the out folder's last request would track by now; None where that is not known."""
    try:
        record = json.loads((out / "artifacts" / "request.json").read_text(encoding="utf-8"))
        weights = {name: Path(entry["file"]) for name, entry in record["weights"].items()}
        poses = None if record["poses"] is None else Path(record["poses"])
        request = ReprocessRequest(
            Path(record["corpus"]),
            out,
            None,
            tuple(map(Path, record["detections"])),
            poses,
            None if poses is None else record["params"]["index"]["pose_format"],
            record["pretrained"],
            record["params"]["report"]["people"],
            profile=record["profile"],
            settings=tuple(record["settings"]),
            formats=tuple(record.get("formats", [])),
        )
        return keys_of(params_for(request, base_params(repository, request)), weights)
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None
