"""Faults of the machine end the work with one sentence: no reader and no decoder blames its file."""

import errno
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.code_files import REPOSITORY
from tasks.errors import InputError, MachineError, machine_fault, raise_machine_fault, unwritable
from tasks.formats.videos import decode_video
from tests.tasks.test_readers_fuzzed import READERS


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no file beyond those that it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def outcome(read: Any, root: Path, path: Path) -> Any:
    """What a reader gives, or its error."""
    try:
        return read(root, path)
    except Exception as error:
        return error


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_blames_its_file_when_no_more_files_can_be_opened(tmp_path: Path, reader: str) -> None:
    name, read = READERS[reader]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"[]")
    outcome(read, tmp_path, path)  # so that all modules are imported
    with no_more_files():
        error = outcome(read, tmp_path, path)
    assert isinstance(error, MachineError | OSError), error
    assert str(machine_fault(error)).startswith("Too many open files")


def test_a_broken_video_that_ffmpeg_takes_for_a_fault_of_the_disk_is_the_videos_fault(tmp_path: Path) -> None:
    import av.error

    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video")
    for code, kind in ((errno.EIO, av.error.OSError), (errno.ENOMEM, av.error.MemoryError)):
        assert machine_fault(kind(code, "reported by FFmpeg", str(path))) is None
    assert "expected a video that decodes" in decode_video(path).broken


def test_memory_that_ends_within_ffmpeg_is_the_machines_fault(tmp_path: Path) -> None:
    code = """
import resource, av.error
from tasks.errors import machine_fault
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 20), used + (16 << 20)))
print(machine_fault(av.error.MemoryError(12, "Cannot allocate memory")))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("memory ran out; free memory")


def test_a_file_that_is_not_there_is_the_inputs_fault() -> None:
    raise_machine_fault(FileNotFoundError(errno.ENOENT, "No such file or directory", "a.mp4"))
    with pytest.raises(MachineError, match=r"a\.mp4"):
        raise_machine_fault(OSError(errno.EIO, "Input/output error"), file=Path("a.mp4"))


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EACCES, InputError), (errno.ENOENT, InputError), (errno.ENOSPC, MachineError)]
)
def test_an_out_folder_that_may_not_be_written_is_named_and_a_full_disk_is_the_machines(number: int, kind: Any) -> None:
    error = unwritable(OSError(number, "because"), "--out a: expected a folder that can be written to")
    assert type(error) is kind
    assert "because" in str(error)
