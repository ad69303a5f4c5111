"""What came of a stage, and the exit codes of every command."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class ExitCode(IntEnum):
    """The exit codes of `corrtrack`."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    SET_ASIDE = 3
    """Done, but something broken was set aside, with its reason in the report."""


State = Literal["ran", "restored", "unchanged"]


@dataclass(frozen=True)
class StageOutcome:
    """A stage that is up to date now: what that took, and whether it had to work for it."""

    stage: str
    state: State
    """ran; restored from DVC's cache of earlier runs; or unchanged."""
    seconds: float


class StageFailedError(RuntimeError):
    """A stage ended with an error; the message is the stage's own last words."""

    def __init__(self, stage: str, exit_code: ExitCode, words: str) -> None:
        super().__init__(words)
        self.stage = stage
        self.exit_code = exit_code
