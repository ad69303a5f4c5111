"""Errors that name what to change: in the input, or on the machine."""

import errno
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

NEEDED_BYTES: Final = 256 << 20
"""Free space that a run of a few videos needs: weights, tables, clips, and the data base of its history."""
_REMEDIES: Final = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room within the quota",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f)",
    errno.EROFS: "make the file system writable",
    errno.EACCES: "give this user the permission",
    errno.EPERM: "give this user the permission",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.ENOMEM: "free memory, or lower compute.workers",
    errno.EIO: "check the disk",
}

_FORBIDDING: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_EXTRA: Final = 'install them with pip install "PATH_OF_THE_CHECKOUT[formats]"'
_ORDINARY_BYTES: Final = 64 << 20
"""A machine that works gives so much memory."""
_MACHINE_WIDE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE})


class InputError(Exception):
    """What the user gave is not usable: the message says what was expected, found and where. Exit code 2."""


class MachineError(Exception):
    """Disk, memory, a permission or a lost worker stopped the work; no input is to blame. Exit code 1."""

    def __init__(self, message: str, *, video_id: str | None = None) -> None:
        super().__init__(message)
        self.video_id = video_id
        """The video that the fault may be of, such as an unreadable block of its file; None: of the whole machine."""


def raise_machine_fault(error: BaseException, *, file: Path | None = None) -> None:
    """Return if the input that was read is to blame for `error`; every reader asks before it blames a file.

    Args:
        error: what reading raised.
        file: the file that was read, where the error does not name it.

    Raises:
        MachineError: the machine caused it.
    """
    if (fault := machine_fault(error, file=file)) is not None:
        raise MachineError(fault) from error


def require_packages(asked: str, *packages: str, advice: str = _EXTRA) -> None:
    """Check that packages can be imported, without importing them.

    Args:
        asked: what needs them, which begins the message.
        packages: names to import.
        advice: how to get them.

    Raises:
        InputError: one of them is not installed.
    """
    if missing := [name for name in packages if not _is_installed(name)]:
        raise InputError(f"{asked}: expected the packages {', '.join(packages)}, no {missing[0]} found; {advice}")


def unwritable(error: OSError, expected: str) -> Exception:
    """The error for a file or folder that the user named and that cannot be written: `expected` says what and where."""
    if error.errno not in _FORBIDDING and (fault := machine_fault(error)) is not None:
        return MachineError(fault)
    return InputError(f"{expected}, got {error.strerror}")


def machine_fault(error: BaseException, *, file: Path | None = None) -> str | None:
    """The sentence for an error that the machine caused, itself or behind other errors; None if it did not."""
    for cause in _chain(error):
        if _is_of_ffmpeg(cause) and not _is_confirmed(cause, file):
            continue
        if isinstance(cause, MachineError):
            return str(cause)
        if isinstance(cause, OSError) and cause.errno in _REMEDIES:
            path = cause.filename2 or cause.filename or (str(file) if file else None)
            about = [str(path), *_room(path)] if cause.errno == errno.ENOSPC and path else [str(path)] if path else []
            where = f" ({', '.join(about)})" if about else ""
            return _sentence(f"{cause.strerror or cause}{where}", _REMEDIES[cause.errno])
        if isinstance(cause, MemoryError) or type(cause).__name__ == "OutOfMemoryError" or _is_allocation(cause):
            return memory_fault()
    return None


def memory_fault() -> str:
    """The sentence for memory that ran out."""
    return _sentence("memory ran out", _REMEDIES[errno.ENOMEM])


def is_machine_wide(error: BaseException) -> bool:
    """Whether the fault of the machine would have hit any other video as well."""
    return any(isinstance(cause, OSError) and cause.errno in _MACHINE_WIDE for cause in _chain(error))


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # an import that something in this process forbids
        return False


def _room(path: str | bytes | int) -> list[str]:
    """What is free on the disk of a file that could not be written, and what a run should find there."""
    if not isinstance(path, str):
        return []
    folder = next((above for above in Path(path).absolute().parents if above.is_dir()), Path("/"))
    free = shutil.disk_usage(folder).free
    return [f"on a disk with {free >> 20} MiB free", f"expected at least {NEEDED_BYTES >> 20}"]


def _sentence(fault: str, remedy: str) -> str:
    return f"{fault}; {remedy} and run the same command again: finished work is kept"


def _is_of_ffmpeg(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "av"


def _is_confirmed(error: BaseException, file: Path | None) -> bool:
    """Whether a fault that FFmpeg reports is the machine's: it also reports broken files as EIO and ENOMEM."""
    if isinstance(error, MemoryError):
        try:
            bytearray(_ORDINARY_BYTES)
        except MemoryError:
            return True
        return False
    if not isinstance(error, OSError) or error.errno != errno.EIO:
        return True
    try:
        with Path(error.filename or file or "").open("rb") as content:
            while content.read(_ORDINARY_BYTES):
                pass
    except OSError as fault:
        return fault.errno == errno.EIO
    return False


def _is_allocation(error: BaseException) -> bool:
    """Whether it is the error of torch's allocator, which has no class of its own on the CPU."""
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
