"""When a run is due, and what becomes of an occurrence that comes late: pure functions of times."""

import importlib.util
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from tasks.errors import InputError

CatchUp = Literal["latest", "none"]
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
GRACE_SECONDS: Final = 60.0
"""How late an occurrence may start and still count as on time: a process of Prefect takes seconds to start."""


@dataclass(frozen=True)
class Timetable:
    """A cron expression, or an interval from an anchor."""

    cron: str | None = None
    every_seconds: float | None = None
    anchor: str = ""
    """Start of the interval, ISO 8601 with a zone."""

    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence after `moment`, which has a zone; cron is read in that of this machine."""
        if self.cron is not None:
            coming: datetime = _croniter()(self.cron, moment.astimezone()).get_next(datetime)
            return coming
        anchor, every = datetime.fromisoformat(self.anchor), float(self.every_seconds or 0)
        passed = int((moment - anchor).total_seconds() // every)
        return anchor + timedelta(seconds=(passed + 1) * every)

    def __str__(self) -> str:
        return f"cron {self.cron}" if self.cron is not None else f"every {self.every_seconds:g} s"


def timetable(cron: str | None, every: str | None, *, now: datetime | None = None) -> Timetable:
    """The timetable that the user names.

    Raises:
        InputError: neither or both are named, or one cannot be read.
    """
    if (cron is None) == (every is None):
        raise InputError('expected either --cron "0 3 * * *" or --every 15m, got ' + ("both" if cron else "neither"))
    if every is not None:
        seconds = duration(every, "--every")
        if seconds < 1:
            raise InputError(f"--every {every}: expected at least 1s")
        return Timetable(every_seconds=seconds, anchor=(now or datetime.now(UTC)).isoformat(timespec="seconds"))
    if len(str(cron).split()) != 5 or not _croniter().is_valid(str(cron)):
        raise InputError(
            f'--cron "{cron}": expected five fields, minute hour day month weekday, such as "0 3 * * *" for each night '
            "at three"
        )
    return Timetable(cron=cron)


@cache
def _croniter() -> Any:
    """The reader of cron expressions that Prefect has within it, so that both read them alike.

    Prefect itself is not imported: it would keep the settings of this moment, and those of the current folder.
    """
    prefect = importlib.util.find_spec("prefect")
    if prefect is None or prefect.origin is None:
        raise ModuleNotFoundError("expected the package prefect, found none; install corrtrack again")
    file = Path(prefect.origin).parent / "_vendor" / "croniter" / "croniter.py"
    spec = importlib.util.spec_from_file_location("prefect_croniter", file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{file}: expected a module, found none; install corrtrack again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.croniter


def duration(text: str, option: str) -> float:
    """Seconds of "90s", "15m", "2h", "1d" or a plain number of seconds.

    Raises:
        InputError: it is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if match is None:
        raise InputError(f"{option} {text}: expected a time such as 90s, 15m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2] or "s"]


def end_of(until: str | None, *, now: datetime) -> datetime | None:
    """When a schedule ends: after a time such as 2h, or at one such as 2027-01-31 or 2027-01-31T06:00; None never.

    Raises:
        InputError: it is neither, or it has passed.
    """
    if until is None:
        return None
    try:
        end = datetime.fromisoformat(until).astimezone()
    except ValueError:
        end = now + timedelta(seconds=duration(until, "--until"))
    if end <= now:
        raise InputError(f"--until {until}: expected a time to come, now is {now.astimezone():%Y-%m-%dT%H:%M}")
    return end


def why_too_late(due: datetime, now: datetime, timetable: Timetable | None, catch_up: CatchUp) -> str:
    """Why an occurrence that was due at `due` is skipped now; empty where it runs.

    Args:
        due: when it was due.
        now: when it could start.
        timetable: of its schedule; without one the latest is not known, and every late one runs unless `catch_up` is
            none.
        catch_up: `latest` runs the last of those that were missed, `none` none of them.
    """
    late = (now - due).total_seconds()
    if late <= GRACE_SECONDS and catch_up == "none":
        return ""
    if catch_up == "none":
        return f"missed by {late:.0f} s, and --catch-up is none"
    if timetable is not None and timetable.next_after(due) <= now and late > GRACE_SECONDS:
        return f"missed by {late:.0f} s, and a later one is due"
    return ""


def was_missed(last_due: datetime | None, now: datetime, timetable: Timetable, catch_up: CatchUp) -> bool:
    """Whether a schedule that starts now must run at once: an occurrence after the last known one has passed."""
    return catch_up == "latest" and last_due is not None and timetable.next_after(last_due) <= now
