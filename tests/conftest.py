"""What holds for every test: hypothesis draws the same examples each time and judges no test by its wall time.

And what tests of two rings need: tensors in the shapes and by the names of the released weights.
"""

import json
import os
import signal
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.opened_pages import browser, open_page, screenshots  # noqa: F401  fixtures

if TYPE_CHECKING:
    from torch import Tensor

settings.register_profile("deterministic", deadline=None, derandomize=True, database=None)
settings.load_profile("deterministic")

# A shell without job control starts `make test &` with SIGINT ignored, which every process of the tests would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


# No test leaves a server behind: those of the tests end with their run, except where a test keeps one itself.
os.environ["CORRTRACK_SERVER_IDLE_SECONDS"] = "0"


def filled(key: str, shape: list[int]) -> "Tensor":
    """The founders' golden recipe: a released tensor filled from its own name."""
    import torch  # seconds that most tests do without

    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode())))
    if len(shape) == 4:
        return drawn * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
    if key.endswith("running_var"):
        return 1 + (0.1 * drawn).abs()
    if key.endswith(".weight"):
        return 1 + 0.05 * drawn
    return 0.05 * drawn


@pytest.fixture(scope="session")
def released_state() -> "Callable[[str], dict[str, Tensor]]":
    """All tensors of the released file of a kind, pose or correspondence, by their names in it."""
    shapes = json.loads((Path(__file__).parent / "golden/checkpoint_keys.json").read_text())
    return lambda kind: {key: filled(key, shape) for key, shape in shapes[kind].items()}
