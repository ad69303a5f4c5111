"""Which errors are the machine's, and what each sentence asks for."""

import errno

import pytest

from tasks.errors import machine_fault


def behind(cause: BaseException) -> ValueError:
    error = ValueError("the table could not be written")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/a"), "No space left on device (/data/a); make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), "Permission denied (/data); give this user"),
        (behind(OSError(errno.EDQUOT, "Disk quota exceeded")), "Disk quota exceeded; make room within the quota"),
        (MemoryError(), "memory ran out; free memory, or lower compute.workers"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "memory ran out"),
    ],
)
def test_a_fault_of_the_machine_is_named_with_its_remedy(error, sentence):
    assert (machine_fault(error) or "").startswith(sentence)
    assert str(machine_fault(error)).endswith("run the same command again: finished work is kept")


@pytest.mark.parametrize(
    "error", [ValueError("frame 3: expected a picture"), FileNotFoundError(errno.ENOENT, "no such file", "a.jpg")]
)
def test_a_fault_of_the_input_is_not_the_machines(error):
    assert machine_fault(error) is None
