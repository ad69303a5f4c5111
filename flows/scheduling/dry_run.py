"""`corrtrack reprocess --dry-run`: what a run would do now, and how long it would take."""

import contextlib
import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.reprocess import workspace_of
from flows.reprocess_params import checked, keys_of
from flows.reprocess_request import ReprocessRequest
from flows.runtime.external_corpus import holds_any_video
from flows.runtime.printing import print_json, print_line, printable
from flows.runtime.repository import Repository
from flows.scheduling.corpus_look import by_name, seen_videos, waiting_videos
from flows.scheduling.state_table import read_states
from flows.scheduling.unfetched import fetched_part
from flows.scheduling.video_states import Keys, Seen, VideoState, at_start
from tasks import index
from tasks.params.sections import Params
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Planned:
    """What a run would do with one video."""

    video_id: str
    step: str
    """track, with why; leave, with why; or nothing."""
    frames: int
    """To be tracked."""


def dry_run(repository: Repository, request: ReprocessRequest, console: Console, *, as_json: bool = False) -> None:
    """Print the plan of a run, without running it; new videos are decoded, which the run then need not do.

    Raises:
        InputError: corpus, weights or params cannot be used.
    """
    params, weights = checked(repository, request)
    out = request.out.expanduser().resolve()
    before = read_states(out)
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
        here, unfetched = fetched_part(request, out, Path(folder, "fetched"))
        waiting = waiting_videos(here.corpus, before, settle_seconds=here.quiet_seconds)
        seen = by_name(here.corpus, waiting)
        if here.corpus.exists():
            seen |= _indexed(here, out, Path(folder), waiting, params)
    seen |= unfetched.videos
    steps = planned(seen, before, keys_of(params, weights), attempts=request.attempts)
    if as_json:
        totals = _totals(steps, before.values())
        totals |= {"files_to_fetch": len(unfetched.files), "bytes_to_fetch": unfetched.bytes}
        print_json({"videos": [asdict(step) for step in steps], **totals})
        return
    table = Table(show_edge=False)
    for name in ("video", "step", "frames"):
        table.add_column(name, justify="right" if name == "frames" else "left")
    for step in steps:
        table.add_row(printable(step.video_id), printable(step.step), str(step.frames or ""))
    console.print(table)
    print_line(console, summary(steps, before.values()))
    if unfetched.files:
        print_line(console, unfetched.sentence())


def _indexed(
    request: ReprocessRequest, out: Path, folder: Path, waiting: Collection[Path], params: Params
) -> dict[str, Seen]:
    """The videos as the index finds them; its tables go into `folder`, what it decodes is kept for the run."""
    workspace = workspace_of(request, folder, folder, waiting)
    if (out / ".corrtrack").is_dir():
        workspace = Workspace(workspace.data, workspace.artifacts, workspace.reports, out / ".corrtrack")
    if not holds_any_video(workspace):
        return {}
    with _quiet():
        index.run(workspace, params)
    return seen_videos(workspace, params.detect.splits)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the stage's messages: the plan names what is rejected."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def planned(seen: dict[str, Seen], before: dict[str, VideoState], keys: Keys, *, attempts: int) -> list[Planned]:
    """The step of each video, by name."""
    steps = []
    for video_id in sorted({*seen, *before}):
        sight, known = seen.get(video_id, Seen("absent")), before.get(video_id)
        state = at_start(sight, known, keys, attempts=attempts)
        if state == "pending":
            steps.append(Planned(video_id, f"track: {_why(sight, known)}", sight.frames))
        elif state == "done":
            steps.append(Planned(video_id, "nothing: unchanged", 0))
        else:
            reason = sight.reason or (known.reason if known else "")
            steps.append(Planned(video_id, f"leave, {state}: {reason}", 0))
    return steps


def summary(steps: Iterable[Planned], rows: Iterable[VideoState]) -> str:
    """One sentence: how many videos and frames, and the time by the seconds per frame of earlier runs."""
    steps = list(steps)
    totals = _totals(steps, rows)
    if not totals["videos_to_track"]:
        return "nothing to track"
    text = f"to track: {totals['videos_to_track']} of {len(steps)} videos, {totals['frames_to_track']} frames"
    if (rate := totals["seconds_per_frame"]) is None:
        return f"{text}; how long that takes is known after the first run"
    return f"{text}; about {totals['seconds']:.0f} s, by {rate:.3f} s a frame in earlier runs of this folder"


def _totals(steps: Sequence[Planned], rows: Iterable[VideoState]) -> dict[str, Any]:
    """What is to track, and its seconds by those of earlier runs; these are None where there is none."""
    work = [step for step in steps if step.step.startswith("track")]
    measured = [row for row in rows if row.seconds > 0 and row.frames]
    rate = sum(row.seconds for row in measured) / sum(row.frames for row in measured) if measured else None
    frames = sum(step.frames for step in work)
    return {
        "videos_to_track": len(work),
        "frames_to_track": frames,
        "seconds_per_frame": rate,
        "seconds": None if rate is None else frames * rate,
    }


def _why(seen: Seen, before: VideoState | None) -> str:
    if before is None or not before.bytes_sha256:
        return "new"
    if (seen.bytes_sha256, seen.companions_sha256) != (before.bytes_sha256, before.companions_sha256):
        return "changed"
    if before.state == "done":
        return "params, weights or code changed"
    return f"was {before.state}"
