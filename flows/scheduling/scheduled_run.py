"""One occurrence of a schedule: whether it runs now, its attempts, and what is recorded and reported of it."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from rich.console import Console

from flows.reprocess import reprocess
from flows.reprocess_request import ReprocessRequest
from flows.runtime.lease import HeldError
from flows.runtime.outcomes import ExitCode, StageFailedError, StoppedError
from flows.runtime.repository import Repository
from flows.runtime.servers import ServerError
from flows.scheduling.notifying import event_of, notify
from flows.scheduling.occurrences import Occurrence, last_that_ran, record
from flows.scheduling.state_table import read_states
from flows.scheduling.timing import CatchUp, Timetable, why_too_late
from tasks.errors import InputError, MachineError
from tasks.whole_files import write_whole

Overlap = Literal["skip", "queue-latest"]
_PATIENCE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Policy:
    """How occurrences of a schedule run, as the user chose."""

    overlap: Overlap = "skip"
    catch_up: CatchUp = "latest"
    pause_seconds: float = 60.0
    """Between two attempts after a fault of the machine."""
    notify_command: str | None = None
    notify_url: str | None = None


def run_occurrence(
    repository: Repository,
    request: ReprocessRequest,
    policy: Policy,
    console: Console,
    *,
    due: datetime | None = None,
    timetable: Timetable | None = None,
) -> Occurrence:
    """Run `reprocess` on what is new or changed, unless the occurrence is late or another run is at work.

    The Prefect server that this process is a client of keeps the history. Every end is recorded in the out folder.

    Args:
        repository: the checkout.
        request: what to track.
        policy: how.
        console: where progress goes.
        due: when the occurrence was due; None: now.
        timetable: of its schedule.

    Raises:
        StoppedError: SIGINT or SIGTERM came.
    """
    out = request.out.expanduser().resolve()
    now = datetime.now(UTC)
    due_text = (due or now).isoformat(timespec="seconds")
    if reason := why_too_late(due or now, now, timetable, policy.catch_up):
        return record(out, Occurrence("skipped", reason, due_text))
    start = time.monotonic()
    try:
        ended = _in_turn(out, policy, lambda: _attempts(repository, request, policy, console))
    except HeldError as held:
        return record(out, Occurrence("skipped", str(held), due_text))
    bad = {row.video_id: row.reason for row in read_states(out).values() if row.state in {"rejected", "failed"}}
    before, seconds = last_that_ran(out), round(time.monotonic() - start, 1)
    occurrence = record(out, replace(ended, due=due_text, seconds=seconds, bad=bad))
    if event := event_of(occurrence, before):
        faults = notify(out, event, occurrence, command=policy.notify_command, url=policy.notify_url)
        for fault in faults:
            record(out, Occurrence("note", fault))
    return occurrence


def _attempts(repository: Repository, request: ReprocessRequest, policy: Policy, console: Console) -> Occurrence:
    """The run, again after a pause while a fault of the machine stops it; the last gives up the video that it hit."""
    message = ""
    for attempt in range(request.attempts + 1):
        if attempt:
            time.sleep(policy.pause_seconds)
        try:
            code = reprocess(repository, request, console, is_part_of_flow=True, patience_seconds=_PATIENCE_SECONDS)
        except (HeldError, StoppedError):
            raise
        except InputError as error:
            return Occurrence("failed", str(error))
        except (StageFailedError, MachineError, ServerError, OSError) as error:
            message = str(error)
            if isinstance(error, StageFailedError) and not isinstance(error.__cause__, MachineError | OSError):
                break  # a fault of the code, which would come again
            continue
        return Occurrence("done" if code == ExitCode.DONE else "done with failures", message)
    return Occurrence("failed", message)


def _in_turn(out: Path, policy: Policy, run: Callable[[], Occurrence]) -> Occurrence:
    """Run once nobody else does: at once or never, or as the latest of those that wait.

    Raises:
        HeldError: another run is at work, or a later occurrence waits for its end.
    """
    if policy.overlap == "skip":
        return run()
    token, queue = secrets.token_hex(8), out / ".corrtrack" / "queue"
    write_whole(queue, token)
    while True:
        try:
            return run()
        except HeldError:
            if queue.read_text(encoding="utf-8") != token:
                raise HeldError("a later occurrence waits for the run at work") from None
            time.sleep(_LOOK_SECONDS)
