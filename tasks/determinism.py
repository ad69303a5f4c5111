"""One seed, a fixed number of threads, and one allocator: the same calls in the main process and in every worker."""

import os
import random
import sys
from typing import Final

_ALLOCATOR: Final = "ARROW_DEFAULT_MEMORY_POOL"
"""What Arrow reads when it is imported."""


def limit_threads(threads: int) -> None:
    """Give the numeric libraries that are loaded from now on `threads` CPU threads each."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic


def give_freed_memory_back() -> None:
    """Have Arrow take the system's allocator, before or after its import; one that the user has chosen stays.

    Arrow's own keeps what was freed, and the memory of a stage grows with each step that needs other sizes.
    """
    if _ALLOCATOR in os.environ:
        return
    os.environ[_ALLOCATOR] = "system"
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.set_memory_pool(arrow.system_memory_pool())


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_deterministic(seed: int, threads: int) -> None:
    """Seed the generators, forbid nondeterministic kernels and set the threads of the libraries loaded by now.

    Ray sets OMP_NUM_THREADS to 1 in its actors, so the count is set on torch and OpenCV themselves as well.
    """
    limit_threads(threads)
    random.seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed)
    if (opencv := sys.modules.get("cv2")) is not None:
        opencv.setNumThreads(threads)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms, which loads a compiler as well
        torch.backends.cudnn.benchmark = False
