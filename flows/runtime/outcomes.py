"""The result of a stage, and the exit codes of every command."""

import signal
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class ExitCode(IntEnum):
    """The exit codes of `corrtrack`; a run that a signal stops ends with 128 and the signal's number, as shells do."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    REJECTED = 3
    """Done, but some of the input was rejected, with its reason in the report."""
    INTERRUPTED = 130
    """Stopped by SIGINT, which Ctrl-C sends."""
    TERMINATED = 143
    """Stopped by SIGTERM."""


EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 bad input, 3 done but some of the input was rejected, 130 or 143 stopped by a "
    "signal."
)
"""The sentence of every help page."""

State = Literal["ran", "restored", "unchanged"]


@dataclass(frozen=True)
class StageOutcome:
    """A stage that is up to date now, and what that took."""

    stage: str
    state: State
    """ran; restored from DVC's cache of earlier runs; or unchanged."""
    seconds: float


class StageFailedError(RuntimeError):
    """A stage ended with an error; the message is what the stage itself reported last."""

    def __init__(self, stage: str, exit_code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.exit_code = exit_code


class StoppedError(RuntimeError):
    """The user, the system or a failed stage beside this one asked the run to stop."""

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED
