"""Which errors are the machine's, and what each sentence asks for."""

import errno
import re
import subprocess
import sys

import pytest

from tasks.code_files import REPOSITORY
from tasks.errors import machine_fault


def behind(cause: BaseException) -> ValueError:
    error = ValueError("the table could not be written")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/a"),
            "No space left on device (/data/a, on a disk with ",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), "Permission denied (/data); give this user"),
        (
            OSError(errno.EFBIG, "File too large", "a.mp4"),
            "File too large (a.mp4); raise the limit of the size",
        ),
        (behind(OSError(errno.EDQUOT, "Disk quota exceeded")), "Disk quota exceeded; make room within the quota"),
        (MemoryError(), "memory ran out; free memory, or lower compute.workers"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "memory ran out"),
    ],
)
def test_a_fault_of_the_machine_is_named_with_its_remedy(error, sentence):
    assert (machine_fault(error) or "").startswith(sentence)
    assert str(machine_fault(error)).endswith("run the same command again: finished work is kept")


def test_a_full_disk_is_named_by_the_file_with_what_is_free_and_what_is_needed(tmp_path):
    code = (
        "import resource, sys, signal; from pathlib import Path; from tasks.whole_files import write_whole;"
        "from tasks.errors import machine_fault; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));\n"
        "try: write_whole(Path(sys.argv[1]), 'x' * 5000)\n"
        "except OSError as error: error.errno = 28; print(error.filename, machine_fault(error))"
    )
    path = tmp_path / "a.json"
    ran = subprocess.run([sys.executable, "-c", code, path], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(f"{path} ")
    assert re.search(r"on a disk with \d+ MiB free, expected at least 256\); make room on the disk", ran.stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [ValueError("frame 3: expected a picture"), FileNotFoundError(errno.ENOENT, "no such file", "a.jpg")]
)
def test_a_fault_of_the_input_is_not_the_machines(error):
    assert machine_fault(error) is None
