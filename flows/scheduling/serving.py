"""`corrtrack schedule`: serves a Prefect deployment until it is stopped, on a private server or on the user's own."""

import asyncio
import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console

from flows.reprocess_params import checked, fetch_detector
from flows.reprocess_request import ReprocessRequest
from flows.runtime.prefect_program import serve_from
from flows.runtime.prefect_server import PrefectServer
from flows.runtime.printing import print_line
from flows.runtime.processes import RunFile, end_leftovers, end_tree
from flows.runtime.repository import Repository, make_private
from flows.runtime.servers import ServerError
from flows.runtime.signals import PARENT, stopping_on_signals, undisturbed
from flows.scheduling.occurrences import last_due
from flows.scheduling.scheduled_run import Policy
from flows.scheduling.served import as_before, note_schedule
from flows.scheduling.timing import Timetable, was_missed
from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.out_folder import claim_out_folder

_SCHEDULES: Final = 16
_QUERY_SECONDS: Final = 2.0
_AT_ONCE: Final = 4
"""Processes of occurrences: one that works, and those that find it at work and are skipped or wait."""


@dataclass(frozen=True)
class Serving:
    """What to serve, as the user named it."""

    request: ReprocessRequest
    timetable: Timetable
    policy: Policy
    end: datetime | None
    has_own_server: bool
    """Whether the deployment goes to the server that PREFECT_API_URL names."""


def serve(repository: Repository, serving: Serving, console: Console) -> None:
    """Serve the schedule until its end, Ctrl-C or SIGTERM.

    Raises:
        InputError: corpus, weights, params, the out folder or the current folder cannot be used, or the user's server
            does not answer.
        ServerError: the private server does not start.
        StoppedError: SIGINT or SIGTERM came.
    """
    _require_no_other_modules(repository)
    params, _ = checked(repository, serving.request)
    fetch_detector(params)
    out = claim_out_folder(serving.request.out, inputs=serving.request.inputs)
    _require_writable(out)
    stopping = threading.Event()
    # The processes of occurrences import the flow, wherever they start and whatever modules lie there.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    os.environ["PYTHONSAFEPATH"] = "1"
    os.environ[PARENT] = str(os.getpid())  # they end with this process, whose server they need
    with stopping_on_signals(stopping), _own_state(out) as state:
        serving = replace(serving, timetable=as_before(state, serving.timetable))
        run_file = RunFile(state / "run.json")
        end_leftovers(run_file)
        parameters = parameters_of(out, repository, serving)  # by the folder of now
        with _server(repository, state, run_file, serving, console) as url:
            note_schedule(state, serving.timetable, serving.request.corpus_name, url)
            coming = serving.timetable.next_after(datetime.now(UTC)).astimezone()
            print_line(console, f"{serving.timetable}; next run {coming:%Y-%m-%d %H:%M:%S}; Ctrl-C ends the schedule")
            poller = threading.Thread(
                target=_poll_for_ever, args=(out, state, parameters, serving, console, stopping), daemon=True
            )
            poller.start()  # not in the main thread, where Prefect would take SIGTERM for itself
            try:
                _wait(serving.end, stopping)
            finally:
                stopping.set()
                with undisturbed():
                    _end_children(run_file)
    print_line(console, "the schedule has ended")


def _require_no_other_modules(repository: Repository) -> None:
    """Refuse a folder with modules of the pipeline's names: Prefect looks for its flow in the current folder first."""
    here = Path.cwd()
    for name in ("flows", "tasks", "models") if here not in {REPOSITORY, repository.root} else ():
        for path in (here / name / "__init__.py", here / f"{name}.py"):
            if path.is_file():
                raise InputError(
                    f"{path}: expected no module of this name in the folder that a schedule is started in, since "
                    "Prefect would import it in place of corrtrack's; start it in another folder"
                )


def _wait(end: datetime | None, stopping: threading.Event) -> None:
    """Wait for the end, or for a signal."""
    while end is None or datetime.now(UTC) < end:
        seconds = 3600.0 if end is None else min(3600.0, (end - datetime.now(UTC)).total_seconds())
        if stopping.wait(max(seconds, 0.0)):
            return


def _poll_for_ever(
    out: Path,
    state: Path,
    parameters: dict[str, Any],
    serving: Serving,
    console: Console,
    stopping: threading.Event,
) -> None:
    """Poll the server, again after a pause when it was gone for too long."""
    while not stopping.is_set():
        try:
            asyncio.run(_runner(out, state, parameters, serving))
        except Exception as error:  # the server may come back
            first = (str(error).splitlines() or [type(error).__name__])[0]
            if not stopping.wait(5.0):
                print_line(console, f"polling of the Prefect server is begun anew after: {first}")


async def _runner(out: Path, state: Path, parameters: dict[str, Any], serving: Serving) -> None:
    """Poll the server for occurrences that are due, each in a process of its own."""
    from prefect.runner import Runner
    from prefect.types.entrypoint import EntrypointType

    from flows.scheduling.deployment import scheduled_reprocess

    every = serving.timetable.every_seconds
    name = f"{out.name}-{state.name}"
    schedule: dict[str, Any] = {"cron": serving.timetable.cron}
    if every is not None:
        from prefect.schedules import Interval

        anchor = datetime.fromisoformat(serving.timetable.anchor)
        schedule = {"schedule": Interval(timedelta(seconds=every), anchor_date=anchor)}
    elif (zone := _zone()) is not None:
        from prefect.schedules import Cron

        schedule = {"schedule": Cron(str(serving.timetable.cron), timezone=zone)}
    runner = Runner(name=name, query_seconds=_QUERY_SECONDS, pause_on_shutdown=False, limit=_AT_ONCE)
    deployment = await scheduled_reprocess.ato_deployment(
        name,
        parameters=parameters,
        entrypoint_type=EntrypointType.MODULE_PATH,
        **schedule,
    )
    identity = await runner.aadd_deployment(deployment)
    if was_missed(last_due(out), datetime.now(UTC), serving.timetable, serving.policy.catch_up):
        from prefect.client.orchestration import get_client

        async with get_client() as client:  # Prefect forgets the runs that were due while nothing served them
            await client.create_flow_run_from_deployment(identity)
    await runner.start()


def parameters_of(out: Path, repository: Repository, serving: Serving) -> dict[str, Any]:
    """What the deployment hands to the flow of each occurrence."""
    request = serving.request

    def text(path: Path | None) -> str | None:
        return None if path is None else str(path.expanduser().resolve())

    return {
        "corpus": request.corpus_name,
        "out": str(out),
        "checkout": str(repository.root),
        "weights": text(request.weights),
        "detections": [text(path) for path in request.detections],
        "poses": text(request.poses),
        "pose_format": request.pose_format,
        "pretrained": request.pretrained,
        "formats": list(request.formats),
        "profile": request.profile,
        "settings": list(request.settings),
        "people": request.people,
        "settle_seconds": request.settle_seconds,
        "attempts": request.attempts,
        **asdict(serving.policy),
        **asdict(serving.timetable),
    }


def _zone() -> str | None:
    """The name of this machine's time zone, for cron; None where it has none but UTC."""
    if name := os.environ.get("TZ"):
        return name
    link = Path("/etc/localtime")
    parts = link.resolve().parts
    return "/".join(parts[parts.index("zoneinfo") + 1 :]) if "zoneinfo" in parts else None


@contextlib.contextmanager
def _own_state(out: Path) -> Iterator[Path]:
    """The folder of this schedule: the first that no other serving process of the out folder holds."""
    for number in range(1, _SCHEDULES):
        state = out / ".corrtrack" / ("schedule" if number == 1 else f"schedule-{number}")
        state.mkdir(parents=True, exist_ok=True)
        with (state / "serving.lock").open("a", encoding="utf-8") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield state
            return
    raise InputError(f"{out}: expected fewer than {_SCHEDULES} schedules of one out folder")


@contextlib.contextmanager
def _server(
    repository: Repository, state: Path, run_file: RunFile, serving: Serving, console: Console
) -> Iterator[str]:
    """The address of the server; a private one is started, started again when it ends, and stopped."""
    if serving.has_own_server:
        yield _own_address()
        return
    make_private(keep_ray=True)
    server = PrefectServer(replace(repository, own_state=state), run_file, home=state / "prefect")
    server.home.mkdir(parents=True, exist_ok=True)
    os.environ.update(server.client_environment())
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            if not server.is_running():
                print_line(console, "the Prefect server ended; it is started again")
                server.stop()
                server.start()
                with contextlib.suppress(ServerError):
                    server.wait(stopping=ended)

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        server.start()
        server.wait()
        watcher.start()
        print_line(console, f"Prefect shows the schedule at {server.url.removesuffix('/api')}")
        serve_from(server.home)
        yield server.url
    finally:
        ended.set()
        with undisturbed():
            if watcher.ident is not None:
                watcher.join(timeout=10)
            server.stop()


def _own_address() -> str:
    """The user's server.

    Raises:
        InputError: PREFECT_API_URL is not set, or nothing answers there.
    """
    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        raise InputError("--own-server: expected the address of your Prefect server in PREFECT_API_URL, found none")
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        fault = client.api_healthcheck()
    if fault is not None:
        raise InputError(f"--own-server: expected an answer of the Prefect server at {url}, got {fault}")
    return url


def _require_writable(out: Path) -> None:
    probe = out / ".corrtrack" / f".{os.getpid()}.{time.monotonic_ns()}"
    try:
        probe.parent.mkdir(exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"--out {out}: expected a folder that can be written to, got {error.strerror}") from error


def _end_children(run_file: RunFile) -> None:
    """End the processes of occurrences that still work; the server is stopped by its own block."""
    servers = {record.pid for record in run_file.read()}
    for child in psutil.Process().children():
        if child.pid not in servers:
            end_tree(child, patience_seconds=20.0)
