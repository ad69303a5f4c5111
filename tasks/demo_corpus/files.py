"""Writes pictures and JSON, in bytes that depend on nothing but the content."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from models.arrays import Picture

Json = dict[str, Any]
Report = Callable[[str, int, int], None]
"""Receives progress: the unit that is counted, how many are done, how many there are."""

_LOG: Final = logging.getLogger(__name__)


def log_progress(unit: str, done: int, total: int) -> None:
    """Report progress as lines of the log."""
    _LOG.info("%s: %d of %d", unit, done, total)


def write_json(path: Path, content: object) -> None:
    """Compact JSON with the keys in the order given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")


def write_jpeg(path: Path, picture: Picture, quality: int) -> None:
    """An RGB picture as JPEG. Raises OSError when the encoder refuses."""
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise OSError(f"{path}: the JPEG encoder refused a picture of shape {picture.shape}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.asarray(data).tobytes())


def rounded(values: object) -> list[float]:
    """Numbers to a hundredth of a pixel."""
    return [round(float(v), 2) for v in np.asarray(values, np.float64).ravel()]


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV on one thread, so that the same seed gives the same bytes."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
