"""The schedules of an out folder: what each serves, by which process, and when its next run is."""

import contextlib
import json
import os
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.runtime.processes import ProcessRecord
from flows.scheduling.timing import Timetable
from tasks.whole_files import write_whole


def schedules_of(out: Path) -> list[dict[str, Any]]:
    """The schedules of an out folder: timetable, next run, and whether a process serves it."""
    schedules = []
    for path in sorted((out / ".corrtrack").glob("schedule*/schedule.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            timetable = Timetable(**record["timetable"])
            is_served = ProcessRecord("corrtrack schedule", record["pid"], record["started"]).process() is not None
        except (OSError, ValueError, KeyError, TypeError):
            continue
        coming = timetable.next_after(datetime.now(UTC)).astimezone().isoformat(timespec="seconds")
        schedules.append(
            {
                "timetable": str(timetable),
                "corpus": record["corpus"],
                "host": record["host"],
                "server": record["server"],
                "next": coming if is_served or record["host"] != os.uname().nodename else None,
            }
        )
    return schedules


def as_before(state: Path, timetable: Timetable) -> Timetable:
    """The same interval with the anchor it had before a restart, so that occurrences stay where they were."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        before = Timetable(**json.loads((state / "schedule.json").read_text(encoding="utf-8"))["timetable"])
        if replace(before, anchor="") == replace(timetable, anchor=""):
            return before
    return timetable


def note_schedule(state: Path, timetable: Timetable, corpus: str, url: str) -> None:
    """Write beside the schedule's server what it serves, and by which process."""
    record = ProcessRecord.of("corrtrack schedule", os.getpid())
    note: dict[str, Any] = {
        "timetable": asdict(timetable),
        "corpus": corpus,
        "server": url,
    }
    note |= {"host": os.uname().nodename, "pid": record.pid, "started": record.started}
    write_whole(state / "schedule.json", json.dumps(note, indent=1) + "\n")
