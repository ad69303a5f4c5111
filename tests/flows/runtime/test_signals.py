"""SIGINT and SIGTERM end a run from any point, and what must be finished is finished."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from flows.runtime.outcomes import ExitCode, StageFailedError, StoppedError
from flows.runtime.signals import deferred, stopping_on_signals, undisturbed

BOTH = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"])

WAIT = """
import threading
from flows.runtime.signals import stopping_on_signals
stopping = threading.Event()
try:
    with stopping_on_signals(stopping):
        print("up", flush=True)
        threading.Event().wait(60)
except RuntimeError as error:
    print(error.exit_code.value)
"""


@BOTH
def test_a_signal_ends_the_block_and_gives_the_exit_code(number, code):
    stopping = threading.Event()
    with pytest.raises(StoppedError, match="the same command continues") as caught, stopping_on_signals(stopping):
        os.kill(os.getpid(), number)
    assert caught.value.exit_code == code
    assert stopping.is_set()


def test_an_interrupt_that_is_swallowed_is_seen_by_the_next_wait():
    stopping = threading.Event()
    with pytest.raises(StoppedError) as caught, stopping_on_signals(stopping):
        with contextlib.suppress(KeyboardInterrupt):  # as a destructor does
            os.kill(os.getpid(), signal.SIGTERM)
        if stopping.wait(1.0):
            raise StoppedError("prefect: the run stopped while waiting for it")
    assert (caught.value.exit_code, str(caught.value)[:7]) == (143, "stopped")


def test_sigint_works_although_the_shell_had_it_ignored():
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "130\n"


@BOTH
def test_a_deferred_signal_interrupts_after_the_block(number, code):
    steps = []
    with pytest.raises(StoppedError) as caught, stopping_on_signals(threading.Event()):
        with deferred():
            os.kill(os.getpid(), number)
            steps.append("recorded")
        steps.append("not reached")
    assert (steps, caught.value.exit_code) == (["recorded"], code)


def test_a_second_signal_does_not_disturb_the_cleaning_up():
    steps = []
    with pytest.raises(StoppedError), stopping_on_signals(threading.Event()):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            with undisturbed():
                os.kill(os.getpid(), signal.SIGTERM)
                steps.append("cleaned")
    assert steps == ["cleaned"]


def test_a_stage_that_fails_by_the_signal_counts_as_stopped():
    with pytest.raises(StoppedError, match="the same command continues"), stopping_on_signals(threading.Event()):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        raise StageFailedError("track", ExitCode.FAILED, "track: failed with SystemError")


def test_a_failure_without_a_signal_keeps_its_own_error():
    with pytest.raises(StoppedError, match="beside"), stopping_on_signals(threading.Event()):
        raise StoppedError("stopped, since a stage beside it failed")
