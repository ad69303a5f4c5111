"""Whether networks may run on a GPU: set by who runs the work, asked where a network is moved; loads no torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_MAY_USE_GPU: Final[ContextVar[bool]] = ContextVar("may_use_gpu", default=True)


def may_use_gpu() -> bool:
    """Whether the work in this context may run on a GPU."""
    return _MAY_USE_GPU.get()


@contextmanager
def gpu_allowed(allowed: bool) -> Iterator[None]:
    """Let networks inside the block run on a GPU only if it is `allowed`."""
    token = _MAY_USE_GPU.set(allowed)
    try:
        yield
    finally:
        _MAY_USE_GPU.reset(token)
