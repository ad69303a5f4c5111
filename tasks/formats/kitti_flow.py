"""Optical flow as KITTI's 16-bit PNG: steps of 1/64 px, and which pixels have a flow."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray
from tasks.errors import InputError, raise_machine_fault
from tasks.whole_files import whole_file

_STEPS_PER_PX: Final = 64.0
_ZERO: Final = 1 << 15


def write_flow_png(path: Path, flow: npt.NDArray[np.floating], valid: BoolArray) -> None:
    """Write flow (H,W,2) in pixels, x then y, within 512 px, and its mask (H,W); the picture appears whole."""
    steps = np.clip(np.round(flow.astype(np.float64) * _STEPS_PER_PX) + _ZERO, 0, 2 * _ZERO - 1)
    red_green_blue = np.dstack([steps, valid]).astype(np.uint16)
    with whole_file(path) as partial:
        if not cv2.imwrite(str(partial), red_green_blue[..., ::-1]):
            raise OSError(f"{path}: the PNG encoder refused a flow of shape {flow.shape}")


def read_flow_png(path: Path) -> tuple[FloatArray, BoolArray]:
    """Flow (H,W,2) in pixels, x then y, and where it is known (H,W).

    Raises:
        InputError: the file is not such a picture.
    """
    pixels = _decoded(path)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(f"{path}: expected optical flow as a 16-bit PNG in colour; write it again or remove it")
    return (pixels[..., :0:-1].astype(np.float64) - _ZERO) / _STEPS_PER_PX, pixels[..., 0] > 0


def _decoded(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise_machine_fault(error)
        return None
    return cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED) if data else None
