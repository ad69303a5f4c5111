"""Ctrl-C and SIGTERM: how a run stops, and what must not be interrupted."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, Final

import psutil

from flows.runtime.outcomes import ExitCode, StageFailedError, StoppedError

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
Handlers = Mapping[signal.Signals, Any]
"""What handles each signal."""
PARENT: Final = "CORRTRACK_PARENT"
"""The variable with the pid of a process whose end is to end this run."""
STOPPED: Final = "stopped; finished work is kept, the same command continues from there"


@contextlib.contextmanager
def stopping_on_signals(stopping: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block, wherever they arrive, so that servers are stopped in both cases.

    `stopping` is set as well: code that swallows the interrupt, as an import or a destructor may, is followed by a
    wait that looks at it. SIGINT is handled even where a shell started the command in the background and had it
    ignored. SIGHUP keeps its meaning, so that `nohup` and a closed terminal are the user's choice.

    Raises:
        StoppedError: one of the two came.
    """
    received: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stopping.set()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    except (KeyboardInterrupt, StoppedError, StageFailedError):  # a stage may end with an error of its own
        if not received:
            raise
        raise StoppedError(STOPPED, received[0]) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep a second signal from interrupting the cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals interrupt the main thread alone
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a signal interrupt only after the block, so that no process is started without a record of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


@contextlib.contextmanager
def handled_as(handlers: Handlers) -> Iterator[None]:
    """Let signals be handled as before a library replaced the handlers; Prefect and Ray do so for SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    replaced = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


def handlers_now() -> Handlers:
    """The handlers of both signals, for `handled_as`."""
    return {number: signal.getsignal(number) for number in _SIGNALS}


def end_with_make() -> None:
    """Stop this run, as SIGTERM would, once the `make` that started it is gone; its pid stands in CORRTRACK_PARENT."""
    _end_with_parent(patience_seconds=None)


def end_with_schedule(*, patience_seconds: float = 10.0) -> None:
    """Stop this run once the `corrtrack schedule` that started it is gone, whose pid stands there likewise.

    Its Prefect server is gone with it, and a client would wait minutes for that: after `patience_seconds` this process
    ends at once. Finished work is kept.
    """
    _end_with_parent(patience_seconds=patience_seconds)


def _end_with_parent(*, patience_seconds: float | None) -> None:
    parent = os.environ.get(PARENT, "")

    def watch() -> None:
        while psutil.pid_exists(int(parent)):
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        if patience_seconds is not None:
            time.sleep(patience_seconds)
            os._exit(ExitCode.TERMINATED)

    if parent.isdigit():
        threading.Thread(target=watch, daemon=True).start()
