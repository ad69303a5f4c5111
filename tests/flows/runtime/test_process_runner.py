"""The error that is made of a failed program's output."""

import pytest

from flows.runtime.outcomes import ExitCode
from flows.runtime.process_runner import failure

HINTS = "ERROR: failed to reproduce 'track': failed to run: python -m tasks track, exited with {code}\n"

KILLED = (
    "track: its process was killed, maybe since memory ran out; free memory, or lower compute.workers and run the "
    "same command again: finished work is kept"
)


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        ("track: params.yaml: bad\n" + HINTS.format(code=2), ExitCode.BAD_INPUT, "track: params.yaml: bad"),
        (
            "track: failed with OSError: full\n" + HINTS.format(code=1),
            ExitCode.FAILED,
            "track: failed with OSError: full",
        ),
        ("track: 3 videos\ntrack: stopped\n" + HINTS.format(code=130), ExitCode.FAILED, "track: stopped"),
        ("track: 1/3 videos\nKilled\n" + HINTS.format(code=137), ExitCode.FAILED, KILLED),
        (HINTS.format(code=-9), ExitCode.FAILED, KILLED),
        ("ERROR: dvc.yaml is broken\n", ExitCode.FAILED, "track failed:\nERROR: dvc.yaml is broken"),
    ],
)
def test_a_failure_is_the_last_line_that_the_stage_reported(output, code, words):
    error = failure("track", output, 255)  # DVC's own exit code
    assert (error.exit_code, str(error), error.stage) == (code, words, "track")


def test_the_exit_code_of_a_program_that_is_not_dvc_says_whether_its_input_was_bad():
    assert failure("points", "points: expected a weight file, got none\n", 2).exit_code == ExitCode.BAD_INPUT
    assert str(failure("points", "points: 1/3\n", -9)) == KILLED.replace("track", "points")
