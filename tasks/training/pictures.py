"""Pictures as the networks get them: decoded once, warped, jittered."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import FloatArray, Picture
from tasks.errors import InputError
from tasks.frames import FrameError, VideoFile, read_picture

CACHE_BYTES = 384 << 20
"""Decoded pictures that one process keeps; small corpora are decoded once, large ones read again."""


@dataclass(frozen=True)
class Place:
    """Where a picture lies: in a file of its own, or as a frame of a video file."""

    path: str
    """Relative to the data folder."""
    frame_index: int | None = None
    """None where the file is the picture."""
    frame_count: int = 0
    """Frames of the video file."""


class Pictures:
    """Pictures by number, decoded to RGB. Picklable; the decoded ones stay behind.

    A frame of a video file costs the decoding of all frames since the key frame before it.
    """

    def __init__(self, root: Path, places: Sequence[Place]) -> None:
        self._root, self._places = root, tuple(places)
        self._kept: dict[int, Picture] = {}
        self._free = CACHE_BYTES
        self._open: tuple[str, VideoFile] | None = None
        """The video file that was read last: each open one holds a decoder."""

    def __getstate__(self) -> dict[str, object]:
        return {"_root": self._root, "_places": self._places, "_kept": {}, "_free": CACHE_BYTES, "_open": None}

    def __getitem__(self, number: int) -> Picture:
        """Picture (H,W,3) uint8.

        Raises:
            InputError: the file is not there or no picture, though the index stage has read it.
        """
        if (kept := self._kept.get(number)) is not None:
            return kept
        picture = self._decoded(self._places[number])
        if picture.nbytes <= self._free:
            self._free -= picture.nbytes
            self._kept[number] = picture
        return picture

    def _decoded(self, place: Place) -> Picture:
        path = self._root / place.path
        try:
            if place.frame_index is None:
                return read_picture(path)
            if self._open is None or self._open[0] != place.path:
                self._open = (place.path, VideoFile(path, place.frame_count))
            return self._open[1].frame(place.frame_index)
        except FrameError as error:
            where = path if place.frame_index is None else f"{path} frame {place.frame_index}"
            told = "expected a readable picture, as when it was indexed; run the stage index again"
            raise InputError(f"{where}: {told} ({error.reason})") from error


def images_of(crops: Sequence[Picture]) -> Tensor:
    """Crops (H,W,3) uint8 as one tensor (B,3,H,W) in 0..1, channels last in memory."""
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().div_(255)


def jitter_brightness(images: Tensor, share: float, generators: Sequence[np.random.Generator]) -> Tensor:
    """Scale and shift each image of (B,3,H,W) by up to `share` of the range, a little differently per channel."""
    if not share:
        return images
    draws = np.stack([generator.uniform(-1, 1, size=5) for generator in generators])
    gain, shift, tint = draws[:, :1], draws[:, 1:2], draws[:, 2:]
    scale = torch.from_numpy(1 + share * gain + 0.3 * share * tint).float()[..., None, None]
    offset = torch.from_numpy(0.5 * share * shift).float()[..., None, None]
    return ((images - 0.5) * scale + 0.5 + offset).clamp_(0, 1)


def motion_blur(crop: Picture, longest_px: float, generator: np.random.Generator) -> Picture:
    """Blur along a random direction over a random length up to `longest_px`; half of all crops stay sharp."""
    length, angle = generator.uniform(0, longest_px) * (generator.random() < 0.5), generator.uniform(0, np.pi)
    if length < 1:
        return crop
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float32)
    for along in np.linspace(-length / 2, length / 2, 4 * reach + 1):
        kernel[round(reach + along * np.sin(angle)), round(reach + along * np.cos(angle))] += 1
    return np.asarray(cv2.filter2D(crop, -1, kernel / kernel.sum()), dtype=np.uint8)


def log_uniform(generator: np.random.Generator, bounds: Sequence[float]) -> float:
    """A factor between two bounds, as likely below as above their geometric mean."""
    return float(np.exp(generator.uniform(*np.log(bounds))))


def similarity_about(
    centre_xy: tuple[float, float], *, degrees: float, scale: float, shift_xy: tuple[float, float], mirror_width: int
) -> FloatArray:
    """Affine (2,3) that turns and zooms about a point, shifts, and mirrors columns 0 .. mirror_width-1 (0: not)."""
    turn = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = np.array(centre_xy)
    affine = np.column_stack([linear, centre + np.array(shift_xy) - linear @ centre])
    if mirror_width:
        affine[0] = np.array([0.0, 0.0, mirror_width - 1.0]) - affine[0]
    return affine


def chain(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """The affine (2,3) that applies `inner`, then `outer`."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])
