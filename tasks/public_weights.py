"""Weights that others publish: where they lie, how they are known again, and fetching them once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from tasks.content_key import file_digest
from tasks.errors import InputError

_TORCHVISION_LICENCE: Final = (
    "torchvision is under the BSD 3-Clause licence; the weights were trained on COCO, whose terms may bind their use"
)


@dataclass(frozen=True)
class PublicWeights:
    """A published weight file."""

    url: str
    hash_prefix: str
    """First digits of the file's SHA-256; empty where nobody has published it."""
    licence: str = _TORCHVISION_LICENCE
    """What is known of the terms of use, in a sentence."""

    @property
    def file_name(self) -> str:
        """Name of the file, in the address and on disk."""
        return urlsplit(self.url).path.rpartition("/")[2]


def keypoint_rcnn() -> PublicWeights:
    """torchvision's Keypoint R-CNN on COCO: boxes and 17 keypoints."""
    from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights  # loads torch

    return _of_torchvision(KeypointRCNN_ResNet50_FPN_Weights.COCO_V1.url)


def faster_rcnn_v2() -> PublicWeights:
    """torchvision's Faster R-CNN, version 2, on COCO: boxes alone."""
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_V2_Weights  # loads torch

    return _of_torchvision(FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1.url)


def authors_release() -> PublicWeights:
    """The networks that the paper's authors released, a zip for `corrtrack import-weights`."""
    return PublicWeights(
        "https://github.com/anDoer/PoseTrack21/releases/download/v0.2/PoseTrack21Release.zip",
        "",
        "the terms stand in github.com/anDoer/PoseTrack21; read them before use",
    )


PUBLIC: Final[Mapping[str, Callable[[], PublicWeights]]] = MappingProxyType(
    {"keypoint-rcnn": keypoint_rcnn, "faster-rcnn-v2": faster_rcnn_v2, "posetrack21-release": authors_release}
)
"""Published weights by the names that this project gives them."""


def default_folder() -> Path:
    """The folder of torch.hub, where torchvision's weights lie for all programs."""
    import torch  # seconds to import

    return Path(torch.hub.get_dir()) / "checkpoints"


def fetched(weights: PublicWeights, folder: Path | None = None, *, progress: bool = True) -> Path:
    """The file of published weights: fetched when it is not there yet, and known by its hash in any case.

    Args:
        weights: what to fetch.
        folder: where it lies; None: with all that torch.hub has fetched.
        progress: whether a bar is drawn on standard error.

    Raises:
        InputError: it cannot be fetched, or is another file; names the address, the hash, and where to put the file.
    """
    import torch  # seconds to import

    target = (folder or default_folder()) / weights.file_name
    if target.is_file():
        return _known(target, weights)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(weights.url, str(target), weights.hash_prefix, progress=progress)
    except (OSError, HTTPException, RuntimeError) as error:
        raise InputError(
            f"{weights.url}: expected to fetch weights whose SHA-256 begins with {weights.hash_prefix}, got "
            f"{_in_words(error)}; fetch the file elsewhere and put it at {target}"
        ) from error
    return target


def _of_torchvision(url: str) -> PublicWeights:
    """The hash stands in the name of the file, as torch.hub reads it there."""
    return PublicWeights(url, url.rpartition("-")[2].partition(".")[0])


def _known(path: Path, weights: PublicWeights) -> Path:
    digest = file_digest(path)
    if not digest.startswith(weights.hash_prefix):
        raise InputError(
            f"{path}: expected the file of {weights.url}, whose SHA-256 begins with {weights.hash_prefix}, got "
            f"{digest}; delete it to have it fetched, or fetch it elsewhere and put it there"
        )
    return path


def _in_words(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
