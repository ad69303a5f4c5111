"""Losses of all networks: heatmaps and offset maps (A.1), affinity maps (4.3), re-identification (6.2).

Equations 4 and 5 are misprinted in the paper; both are binary cross entropy, -(G log S + (1 - G) log(1 - S)).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_SMALLEST_SHARE = 1e-12
_LARGEST_SHARE = 1 - 1e-6
"""Bounds of S in the logarithms. The lower one is far below the share of a cell in a uniform map, to keep gradients."""


def heatmap_loss(logits: Tensor, targets: Tensor, labelled: Tensor) -> Tensor:
    """Binary cross entropy, averaged over the cells of labelled keypoints.

    Args:
        logits: (B,K,H,W).
        targets: (B,K,H,W) in 0..1.
        labelled: (B,K) bool; only these keypoints are supervised.
    """
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=(2, 3))
    return _mean_where(each, labelled)


def offset_loss(offset_maps: Tensor, targets: Tensor, defined: Tensor) -> Tensor:
    """L1 distance per axis in pixels, averaged over the cells where offsets are defined.

    Args:
        offset_maps: (B,2K,H,W), K x offsets then K y offsets.
        targets: (B,2K,H,W).
        defined: (B,K,H,W) bool.
    """
    return _mean_where((offset_maps - targets).abs(), defined.repeat(1, 2, 1, 1))


def siamese_loss(maps: Tensor, targets: Tensor, labelled: Tensor) -> Tensor:
    """Binary cross entropy of the softmax maps S, summed over pixels, averaged over labelled keypoints (eq. 4).

    Args:
        maps: (B,K,H,W) in 0..1.
        targets: (B,K,H,W), one pixel or none.
        labelled: (B,K) bool, keypoints whose query lies in the source picture.
    """
    positive = targets * maps.clamp_min(_SMALLEST_SHARE).log()
    negative = (1 - targets) * torch.log1p(-maps.clamp_max(_LARGEST_SHARE))
    return _mean_where(-(positive + negative).sum(dim=(2, 3)), labelled)


def softmax_loss(affinities: Tensor, target_index: Tensor) -> Tensor:
    """Cross entropy of the softmax over all cells, averaged over keypoints that the target picture shows.

    Not the paper's loss: it ignores keypoints that left the picture, and learns faster.

    Args:
        affinities: (B,K,N) before the softmax, to the cells of the target picture, then of any other pictures.
        target_index: (B,K) int64, the target among the N cells; negative where there is none.
    """
    target = target_index.flatten().clamp_min(-1)
    total = F.cross_entropy(affinities.flatten(0, 1), target, ignore_index=-1, reduction="sum")
    return total / (target >= 0).sum().clamp_min(1)


def refinement_loss(logits: Tensor, targets: Tensor, labelled: Tensor, *, positive_weight: float = 1.0) -> Tensor:
    """Binary cross entropy of the refined maps C, summed over pixels, averaged over labelled keypoints (eq. 5).

    Args:
        logits: (B,K,H,W).
        targets: (B,K,H,W), one pixel or none.
        labelled: (B,K) bool.
        positive_weight: weight of the target's pixel relative to the others; 1 in the paper.
    """
    weight = logits.new_tensor(positive_weight)
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=weight)
    return _mean_where(each.sum(dim=(2, 3)), labelled)


def identity_loss(logits: Tensor, identities: Tensor, *, label_smoothing: float) -> Tensor:
    """Cross entropy of logits (B,N) against identities (B,) int64, with smoothed labels."""
    return F.cross_entropy(logits, identities, label_smoothing=label_smoothing)


def triplet_loss(embeddings: Tensor, identities: Tensor, *, margin: float) -> Tensor:
    """Batch-hard triplet loss: each anchor with its farthest positive and its nearest negative.

    Args:
        embeddings: (B,D), Euclidean.
        identities: (B,) int64.
        margin: by which a negative must be farther than a positive.

    Returns:
        The mean over anchors that have both a positive and a negative; 0 if there is none.
    """
    distance = _distances(embeddings)
    same = identities[:, None] == identities[None, :]
    positive = same & ~torch.eye(len(identities), dtype=torch.bool, device=same.device)
    farthest = distance.masked_fill(~positive, -torch.inf).amax(dim=1)
    nearest = distance.masked_fill(same, torch.inf).amin(dim=1)
    usable = positive.any(dim=1) & ~same.all(dim=1)
    return _mean_where(F.relu(torch.where(usable, farthest - nearest + margin, 0.0)), usable)


def _distances(embeddings: Tensor) -> Tensor:
    """Euclidean distances (B,B); the floor keeps the gradient of equal embeddings finite."""
    squared = (embeddings[:, None] - embeddings[None, :]).square().sum(dim=2)
    return squared.clamp_min(1e-12).sqrt()


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where the mask is set, 0 if it is set nowhere."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp_min(1)
