"""How a program of tasks/ ends: its errors in one line, and the code that distinguishes them."""

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

from tasks.errors import InputError, MachineError, machine_fault

_LOG: Final = logging.getLogger("tasks")
DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130


def exit_code_of(name: str, work: Callable[[], object], *, log_file: Path | None = None) -> int:
    """Do `work` and return 0 done, 1 failed, 2 bad input or 130 stopped, by Ctrl-C or SIGTERM.

    What went wrong is one line that begins with `name`. The traceback of a failure goes to `log_file`, which holds
    what is logged for debugging, else to the screen.
    """
    signal.signal(signal.SIGTERM, _stop)
    try:
        work()
    except InputError as error:
        _LOG.debug("bad input", exc_info=True)
        return _log_error(f"{name}: {error}", BAD_INPUT)
    except MachineError as error:
        _LOG.debug("failed", exc_info=True)
        return _log_error(f"{name}: {error}", FAILED)
    except KeyboardInterrupt:
        return _log_error(f"{name}: stopped; run it again to go on", STOPPED)
    except Exception as error:
        _LOG.log(logging.DEBUG if log_file else logging.ERROR, "failed", exc_info=True)
        if fault := machine_fault(error):
            return _log_error(f"{name}: {fault}", FAILED)
        first = (str(error).splitlines() or [""])[0]
        where = f"; traceback in {log_file}" if log_file else ""
        return _log_error(f"{name}: failed with {type(error).__name__}: {first}{where}", FAILED)
    return DONE


def _log_error(sentence: str, code: int) -> int:
    _LOG.error(sentence)
    return code


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
