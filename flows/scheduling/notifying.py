"""A message on a change of state, to a command or a webhook; whatever happens to it breaks nothing."""

import json
import shlex
import subprocess
import urllib.request
from pathlib import Path
from typing import Final

from flows.scheduling.occurrences import Occurrence

_PATIENCE_SECONDS: Final = 30.0


def event_of(now: Occurrence, before: Occurrence | None) -> str | None:
    """What to report of a run: its result where that is bad and new, "recovered" after a bad one, else None."""
    was_bad = before is not None and before.result != "done"
    if now.result == "done":
        return "recovered" if was_bad else None
    is_new = before is None or now.result != before.result or not set(now.bad) <= set(before.bad)
    return now.result if is_new else None


def notify(out: Path, event: str, occurrence: Occurrence, *, command: str | None, url: str | None) -> list[str]:
    """Send a small JSON to the command's input and to the URL; gives what went wrong."""
    message = {"event": event, "out": str(out), "time": occurrence.time, "message": occurrence.message}
    body = json.dumps(message | {"videos": dict(occurrence.bad)}).encode()
    faults = []
    for name, send in (("--notify-command", _to_command), ("--notify-url", _to_url)):
        target = command if send is _to_command else url
        try:
            if target is not None:
                send(target, body)
        except Exception as error:  # nobody may lose a run by a message
            faults.append(f"{name} {target}: not delivered: {error}")
    return faults


def _to_command(command: str, body: bytes) -> None:
    ran = subprocess.run(shlex.split(command), input=body, capture_output=True, timeout=_PATIENCE_SECONDS, check=False)
    if ran.returncode:
        raise RuntimeError(f"it ended with {ran.returncode}")


def _to_url(url: str, body: bytes) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("expected http:// or https://")
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS):  # noqa: S310
        pass
