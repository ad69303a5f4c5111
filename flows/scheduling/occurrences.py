"""The occurrences of schedules of an out folder, run or skipped: JSON lines that any process may append to."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

Result = Literal["done", "done with failures", "failed", "skipped", "note"]
RAN: Final = frozenset({"done", "done with failures", "failed"})
_NAME: Final = "occurrences.jsonl"


@dataclass(frozen=True)
class Occurrence:
    """What became of one occurrence; `note` is a line on another, such as a notification that was not delivered."""

    result: Result
    message: str = ""
    due: str = ""
    time: str = ""
    seconds: float = 0.0
    bad: Mapping[str, str] = field(default_factory=dict)
    """Rejected and failed videos with the reason, at its end."""


def record(out: Path, occurrence: Occurrence) -> Occurrence:
    """Append it with the time of now, and give it with that."""
    stamped = Occurrence(**(asdict(occurrence) | {"time": datetime.now(UTC).isoformat(timespec="seconds")}))
    path = out / ".corrtrack" / _NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, (json.dumps(asdict(stamped)) + "\n").encode())
    finally:
        os.close(descriptor)
    return stamped


def occurrences(out: Path) -> list[Occurrence]:
    """All that were recorded, the oldest first; a damaged line is passed over."""
    try:
        lines = (out / ".corrtrack" / _NAME).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    recorded = []
    for line in lines:
        try:
            recorded.append(Occurrence(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return recorded


def last_that_ran(out: Path) -> Occurrence | None:
    """The last occurrence that was not skipped."""
    return next((occurrence for occurrence in reversed(occurrences(out)) if occurrence.result in RAN), None)


def last_due(out: Path) -> datetime | None:
    """When the last of them was due; None where there was none."""
    return max((datetime.fromisoformat(past.due) for past in occurrences(out) if past.due), default=None)
