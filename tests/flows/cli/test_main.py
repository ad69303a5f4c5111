"""How errors leave the command line: one sentence and an exit code, the traceback on demand."""

import subprocess
import sys

import pytest

from flows.cli import app, guarded
from flows.runtime.outcomes import ExitCode, StageFailedError, StoppedError
from tasks.errors import InputError


def failing(error: BaseException):
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (InputError("a.mp4: expected a video"), 2, "a.mp4: expected a video"),
        (StageFailedError("track", ExitCode.BAD_INPUT, "track: bad"), 2, "track: bad"),
        (StoppedError("stopped", 15), 143, "stopped"),
        (StoppedError("stopped", 2), 130, "stopped"),
        (RuntimeError("prefect ended"), 1, "prefect ended"),
        (KeyError("poses"), 1, "failed with KeyError: 'poses'; the same command with --debug shows where"),
        (
            PermissionError(13, "Permission denied"),
            1,
            "Permission denied; give this user the permission and run the same command again: finished work is kept",
        ),
        (InputError("a\x1b[2Jb: expected a video"), 2, r"a\x1b[2Jb: expected a video"),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(capsys, error, code, sentence):
    assert guarded(failing(error)) == code
    assert capsys.readouterr().err == f"{sentence}\n"


def test_debug_adds_the_traceback(capsys):
    assert guarded(failing(KeyError("poses")), debug=True) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "failed with KeyError: 'poses'"


def test_verbose_shows_every_message_of_this_project_and_of_no_other():
    program = (
        "import logging, sys; from flows.cli import guarded; "
        "log = lambda: [logging.getLogger(name).debug('%s counts', name) for name in ('tasks.track', 'asyncio')]; "
        "guarded(log, verbose='-v' in sys.argv)"
    )
    for arguments, words in (([], ""), (["-v"], "tasks.track counts\n")):
        ran = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
        assert ran.stderr == words


def test_the_exit_code_of_a_command_comes_back():
    assert guarded(lambda: app(["score", "--no-such-option"])) == 2


def test_version_names_the_revision(capsys):
    assert guarded(lambda: app(["--version"])) == 0
    assert "revision" in capsys.readouterr().out


def test_a_help_page_loads_no_library_that_takes_long():
    program = (
        "import sys; from flows.cli import app, guarded; guarded(lambda: app(['--help'])); "
        "print(*sorted({'torch', 'numpy', 'pandas', 'prefect', 'ray', 'dvc', 'rich.markdown'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *page, loaded = ran.stdout.splitlines()
    assert any("reproduce" in line for line in page)
    assert loaded == ""
