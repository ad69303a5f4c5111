"""The correspondence network: Siamese features, affinity maps of all persons at once, refinement (section 4)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from models.fields.affinity_map import Convention, inside_map, whole_cells
from models.keypoints import KEYPOINT_COUNT
from models.networks.backbone import Decoder, Stem
from models.networks.released import fill_from_released, read_released
from models.weight_files import fill_network, load_weights

Norm = Literal["l2", "squared"]
FEATURE_CHANNELS = 32

PRIOR_LOGIT = -7.0
"""Initial bias of the refined logits: about one cell in a thousand is the target."""

_SMALLEST_SHARE = 1e-9
"""Lower bound of S in its logarithm; the map of a keypoint without a query is zero."""

_SMALLEST_NORM = 1e-12


class SiameseNetwork(nn.Module):
    """Layers 1 to 17 and the deconvolution block: one branch, its weights shared by both frames (4.1)."""

    def __init__(self, *, width: float = 1.0, feature_channels: int = FEATURE_CHANNELS) -> None:
        super().__init__()
        self.architecture = {"width": width, "feature_channels": feature_channels}
        self.stem = Stem(width=width)
        self.decoder = Decoder(self.stem.out_channels, feature_channels, width=width)

    def forward(self, images: Tensor) -> Tensor:
        """Map frames (B,3,H,W), RGB in 0..1, sizes multiples of 32, to features (B,32,H/4,W/4), not normalised."""
        features: Tensor = self.decoder(self.stem(images))
        return features


class RefinementNetwork(nn.Module):
    """Layers 3 to 17 over both frames' features and the 17 affinity maps of a person (4.2).

    Attributes:
        calibration: scale, bias and slope (`models.metrics.calibration.Calibration`), with which every logit becomes
            scale * logit + bias + slope * log(cells of the map); None leaves the logits as they are trained. It is a
            part of the architecture in a weight file, so a training that starts from the file's tensors starts without.
        scale_maps: whether the convolutions read S times the cells of its map, which is 1 everywhere if nothing is
            known, in a frame of any size; false, as in the paper, is S itself, whose values fall as frames grow.
        residual_gain: learned scalar by which log S is multiplied and added to the logits; None without a residual,
            as in the paper.
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        feature_channels: int = FEATURE_CHANNELS,
        calibration: Sequence[float] | None = None,
        residual: bool = False,
        scale_maps: bool = False,
    ) -> None:
        super().__init__()
        self._architecture = {"width": width, "feature_channels": feature_channels}
        self.scale_maps = scale_maps
        self._first_map = 2 * feature_channels
        self.calibration = calibration
        self.decoder = Decoder(self._first_map + KEYPOINT_COUNT, KEYPOINT_COUNT, width=width, output_gain=0.1)
        # The logarithm of S has that mean already.
        nn.init.constant_(self.decoder.get_parameter("output.bias"), 0.0 if residual else PRIOR_LOGIT)
        self.residual_gain = nn.Parameter(torch.ones(())) if residual else None

    @property
    def architecture(self) -> dict[str, object]:
        """Arguments that build this network again, for its weight file."""
        residual: dict[str, object] = {} if self.residual_gain is None else {"residual": True}
        calibration = {} if self.calibration is None else {"calibration": list(self.calibration)}
        scaled: dict[str, object] = {"scale_maps": True} if self.scale_maps else {}
        return self._architecture | residual | scaled | calibration

    @torch.no_grad()
    def amplify_maps(self, gain: float) -> None:
        """Multiply the initial weights that read the maps S, in place.

        Affinities of a softmax over thousands of cells are near 1e-3, the features beside them near 1. Without a gain
        the refinement spends its first thousands of steps on finding the maps, unless it reads them scaled.
        """
        for layer in self.decoder.input_convolutions():
            layer.weight[:, self._first_map :] *= gain

    def forward(self, source_features: Tensor, target_features: Tensor, maps: Tensor) -> Tensor:
        """Refine the maps S of B persons.

        Args:
            source_features: (B or 1,32,H,W), not normalised.
            target_features: (B or 1,32,H,W), not normalised.
            maps: (B,17,H,W) softmax maps S.

        Returns:
            (B,17,H,W) logits of C.
        """
        # The first pooling acts on each channel alone, so features that all persons share are pooled once.
        pool = self.decoder.pool
        # Concatenation loses the channels-last layout, without which 1x1 convolutions and poolings take twice as long.
        layout = torch.contiguous_format if torch.is_grad_enabled() else torch.channels_last
        scaled = maps * (maps.shape[-2] * maps.shape[-1]) if self.scale_maps else maps
        parts = [pool(source_features), pool(target_features), pool(scaled.contiguous(memory_format=layout))]
        pooled = torch.cat([part.expand(len(maps), -1, -1, -1) for part in parts], dim=1)
        logits: Tensor = self.decoder.decode_pooled(pooled.contiguous(memory_format=layout))
        if self.residual_gain is not None:
            logits = logits.float() + self.residual_gain * maps.float().clamp_min(_SMALLEST_SHARE).log()
        if self.calibration is None:
            return logits
        scale, bias, slope = self.calibration
        return scale * logits.float() + (bias + slope * math.log(maps.shape[-2] * maps.shape[-1]))


def normalise(features: Tensor, norm: Norm) -> Tensor:
    """Divide each feature vector of (...,C,H,W) by its length (`l2`) or by its squared length (`squared`, released)."""
    squared = features.square().sum(dim=-3, keepdim=True)
    if norm == "squared":
        return features / squared.clamp_min(_SMALLEST_NORM)
    # Clamped before the root, whose gradient at a vector of zeros would be NaN.
    return features / squared.clamp_min(_SMALLEST_NORM**2).sqrt()


def extract_descriptors(features: Tensor, cells_yx: Tensor) -> Tensor:
    """Cut the 3x3 patches d_j^p around the keypoints (4.1); beyond the border they are zero.

    Args:
        features: (B or 1,C,H,W) features of the source frame.
        cells_yx: (B,K,2) int64 rows and columns inside the map.

    Returns:
        (B,K,C,3,3).
    """
    padded = nn.functional.pad(features, (1, 1, 1, 1))
    around = torch.arange(3, device=features.device)
    rows = (cells_yx[..., 0, None] + around)[..., :, None]
    columns = (cells_yx[..., 1, None] + around)[..., None, :]
    persons = torch.arange(len(cells_yx), device=features.device) if len(features) > 1 else cells_yx.new_zeros(1)
    patches = padded.permute(0, 2, 3, 1)[persons[:, None, None, None], rows, columns]
    return patches.permute(0, 1, 4, 2, 3)


def correlate(descriptors: Tensor, features: Tensor) -> Tensor:
    """Affinity maps A_j^p = d_j^p (x) F_2 of all persons and keypoints by one convolution (eq. 1).

    Args:
        descriptors: (B,K,C,3,3), normalised.
        features: (B or 1,C,H,W) normalised features of the target frame, of each person or of all.

    Returns:
        (B,K,H,W).
    """
    groups = len(features)
    height, width = features.shape[-2:]
    # Contiguous maps: in channels-last layout the softmax over each map would take three times as long.
    filters, frames = descriptors.flatten(0, 1).contiguous(), features.contiguous().reshape(1, -1, height, width)
    maps = nn.functional.conv2d(frames, filters, padding=1, groups=groups)
    return maps.reshape(*descriptors.shape[:2], height, width)


class CorrespondenceNetwork(nn.Module):
    """The Siamese and the refinement network (Figure 3); without refinement it computes the maps S alone."""

    def __init__(
        self,
        siamese: SiameseNetwork,
        refinement: RefinementNetwork | None,
        *,
        norm: Norm = "l2",
        cells: Convention = "floor",
    ) -> None:
        super().__init__()
        self.siamese = siamese
        self.refinement = refinement
        self.norm: Norm = norm
        self.cells: Convention = cells

    @property
    def architecture(self) -> dict[str, object]:
        """Arguments that build this network again, for its weight file."""
        refinement = None if self.refinement is None else self.refinement.architecture
        parts = {"siamese": self.siamese.architecture, "refinement": refinement}
        return {**parts, "norm": self.norm, "cells": self.cells}

    def features(self, images: Tensor) -> Tensor:
        """Map frames (B,3,H,W), RGB in 0..1, to features (B,32,H/4,W/4), not normalised; once per frame."""
        features: Tensor = self.siamese(images)
        return features

    def affinities(
        self, source_features: Tensor, target_features: Tensor, keypoints_yx: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Affinity maps A of B persons, before the softmax (eq. 1).

        Args:
            source_features: (B or 1,32,H,W) features of the frame that the keypoints belong to.
            target_features: (B or 1,32,H,W) features of the frame to search.
            keypoints_yx: (B,17,2) row and column in feature cells; `self.cells` says how they are rounded.

        Returns:
            (B,17,H,W) float32, and (B,17) bool: False for a keypoint outside the map or NaN, whose map is meaningless.
        """
        height, width = source_features.shape[-2:]
        cells_yx = whole_cells(keypoints_yx, self.cells)
        shown = inside_map(cells_yx.flip(-1), height=height, width=width)
        # Half precision is too coarse for the softmax over thousands of cells, and this part is cheap.
        with torch.autocast(source_features.device.type, enabled=False):
            # Only the patches of the source frame are normalised: usually far fewer cells than the frame has.
            descriptors = extract_descriptors(source_features.float(), torch.where(shown[..., None], cells_yx, 0))
            target = normalise(target_features.float(), self.norm)
            return correlate(normalise(descriptors, self.norm), target), shown

    def affinity_maps(self, source_features: Tensor, target_features: Tensor, keypoints_yx: Tensor) -> Tensor:
        """Affinity maps S (B,17,H,W) float32 of B persons (eq. 2); arguments as for `affinities`.

        Each sums to 1, but is all zero for a keypoint outside the map or NaN.
        """
        affinities, shown = self.affinities(source_features, target_features, keypoints_yx)
        maps = affinities.flatten(-2).softmax(dim=-1).reshape(affinities.shape)
        if maps.requires_grad:  # The gradient needs the unchanged softmax.
            return torch.where(shown[..., None, None], maps, 0.0)
        maps[(~shown).nonzero(as_tuple=True)] = 0.0
        return maps

    def affinity(self, source_features: Tensor, target_features: Tensor, keypoints_yx: Tensor) -> tuple[Tensor, Tensor]:
        """Affinity maps S and the logits of the refined maps C, each (B,17,H,W); arguments as for `affinities`."""
        if self.refinement is None:
            raise ValueError(
                "this network has no refinement: use affinity_maps, or load weights of kind correspondence"
            )
        maps = self.affinity_maps(source_features, target_features, keypoints_yx)
        return maps, self.refinement(source_features, target_features, maps)


def load_siamese(path: str | Path) -> SiameseNetwork:
    """Build the Siamese network of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "siamese")
    return fill_network(SiameseNetwork(**stored.architecture), stored)


def load_correspondence(path: str | Path) -> CorrespondenceNetwork:
    """Build the correspondence network (Siamese and refinement) of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "correspondence")
    parts = dict(stored.architecture)
    siamese = SiameseNetwork(**parts.pop("siamese"))
    refinement = RefinementNetwork(**parts.pop("refinement"))
    return fill_network(CorrespondenceNetwork(siamese, refinement, **parts), stored)


def load_released_correspondence(path: str | Path) -> CorrespondenceNetwork:
    """Build the correspondence network of a checkpoint that the authors released, in eval mode.

    It divides features by their squared norm and rounds to cells as the released code does.

    Raises:
        WeightsError: the file cannot be read safely, or a tensor is missing, extra or misshapen.
    """
    network = CorrespondenceNetwork(SiameseNetwork(), RefinementNetwork(), norm="squared", cells="released")
    return fill_from_released(network, Path(path), read_released(Path(path)))
