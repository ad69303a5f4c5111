"""Affinity maps: the position of each keypoint of a source pose in the target frame, on the grid of feature cells.

Only this module knows how pixels and cells correspond. There are two conventions:

- `floor` (ours): cell = floor(x / 4) for query, target and lookup; a cell decodes to 4 i + 2, the centre of the pixels
  that it covers.
- `released` (for the authors' weights): queries and targets are truncated, lookups are rounded half to even and clamped
  to the far border, and a cell decodes to 4 i.
"""

from typing import Literal

import torch
from torch import Tensor

from models.networks.backbone import FEATURE_STRIDE

Convention = Literal["floor", "released"]
PeakPosition = Literal["cell", "quadratic"]
"""Where a map peaks: at its largest cell, or between cells, see `peaks_near` and `fractional_peaks`."""

_LEAST_CURVATURE = 1e-6
"""Below it the top of a parabola is not known; the positions stay finite."""


def whole_cells(cells: Tensor, convention: Convention) -> Tensor:
    """Round positions in cells, any shape, to whole cells (int64); a NaN becomes -1, which lies outside every map."""
    if not cells.is_floating_point():
        return cells.long()
    whole = cells.floor() if convention == "floor" else cells.trunc()
    return torch.nan_to_num(whole, nan=-1.0, posinf=-1.0, neginf=-1.0).long()


def cell_of(keypoints_px: Tensor, convention: Convention) -> Tensor:
    """Cell (int64) of each pixel position, any shape, as query and as target; what lies outside stays outside."""
    return whole_cells(keypoints_px / FEATURE_STRIDE, convention)


def lookup_cell_of(keypoints_px: Tensor, convention: Convention, *, height: int, width: int) -> Tensor:
    """Cell (int64) at which a map of height x width cells is read for positions (...,2), x and y in pixels (eq. 6)."""
    if convention == "floor":
        return cell_of(keypoints_px, convention)
    rounded = whole_cells((keypoints_px / FEATURE_STRIDE).round(), convention)
    return torch.minimum(rounded, rounded.new_tensor([width - 1, height - 1]))


def pixel_of(cells: Tensor, convention: Convention) -> Tensor:
    """Pixel position (float) that a cell decodes to, any shape."""
    return cells * float(FEATURE_STRIDE) + (FEATURE_STRIDE / 2 if convention == "floor" else 0.0)


def fractional_cell_of(keypoints_px: Tensor, convention: Convention) -> Tensor:
    """Position in cells (float) of each pixel position, any shape: the inverse of `pixel_of`."""
    return keypoints_px / FEATURE_STRIDE - (0.5 if convention == "floor" else 0.0)


def inside_map(cells: Tensor, *, height: int, width: int) -> Tensor:
    """Whether whole cells (...,2) as x, y lie on a map of height x width cells; shape (...)."""
    x, y = cells.unbind(-1)
    return (x >= 0) & (y >= 0) & (x < width) & (y < height)


def encode_affinity_map(
    keypoints_px: Tensor,
    labelled: Tensor,
    *,
    height: int,
    width: int,
    convention: Convention = "floor",
    sigma_cells: float = 0.0,
) -> Tensor:
    """Targets G of one pixel (eq. 3), or Gaussians: all zero where a keypoint is not labelled or left the picture.

    Args:
        keypoints_px: (...,2) x, y in pixels of the target picture.
        labelled: (...) bool.
        height: rows of the map, in cells.
        width: columns of the map, in cells.
        convention: how pixels become cells.
        sigma_cells: standard deviation of a Gaussian around the keypoint, between cells, with value 1 there; 0 is the
            paper.

    Returns:
        (...,height,width) float32 in 0..1, at most one 1 in each map.
    """
    index = cell_index(keypoints_px, labelled, height=height, width=width, convention=convention)
    shown = index >= 0
    if sigma_cells:
        gaussians = _gaussians(
            fractional_cell_of(keypoints_px, convention), height=height, width=width, sigma_cells=sigma_cells
        )
        return torch.where(shown[..., None, None], gaussians, 0.0)
    maps = torch.zeros(*index.shape, height * width, device=keypoints_px.device)
    maps.scatter_(-1, index.clamp_min(0).unsqueeze(-1), shown.unsqueeze(-1).to(maps.dtype))
    return maps.reshape(*index.shape, height, width)


def _gaussians(cells: Tensor, *, height: int, width: int, sigma_cells: float) -> Tensor:
    """Gaussians (...,height,width) around positions (...,2), x and y in cells."""
    rows = torch.arange(height, device=cells.device) - cells[..., 1, None]
    columns = torch.arange(width, device=cells.device) - cells[..., 0, None]
    squared = rows[..., :, None].square() + columns[..., None, :].square()
    return torch.exp(squared / (-2 * sigma_cells**2))


def cell_index(
    keypoints_px: Tensor, labelled: Tensor, *, height: int, width: int, convention: Convention = "floor"
) -> Tensor:
    """Index (...) int64 of each keypoint's cell in the flattened map; -1 where G is all zero (eq. 3)."""
    cells = cell_of(keypoints_px, convention)
    shown = inside_map(cells, height=height, width=width) & labelled.bool()
    return torch.where(shown, cells[..., 1] * width + cells[..., 0], -1)


def peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Cell x, y (...,2) int64 of the largest value of each map (...,H,W), and that value (...)."""
    value, index = maps.flatten(-2).max(dim=-1)
    width = maps.shape[-1]
    return torch.stack([index % width, index // width], dim=-1), value


def peaks_near(maps: Tensor, cells: Tensor) -> Tensor:
    """Cell x, y (...,2) int64 of the largest value of each map (...,H,W) among a cell (...,2) and its neighbours."""
    height, width = maps.shape[-2:]
    beside = torch.tensor([(x, y) for y in (0, -1, 1) for x in (0, -1, 1)], device=cells.device)
    near = cells[..., None, :] + beside
    near = torch.where(inside_map(near, height=height, width=width)[..., None], near, cells[..., None, :])
    values = maps.flatten(-2).gather(-1, near[..., 1] * width + near[..., 0])
    largest = values.argmax(dim=-1)[..., None, None]
    return near.gather(-2, largest.expand(*largest.shape[:-1], 2)).squeeze(-2)


def fractional_peaks(maps: Tensor, cells: Tensor) -> Tensor:
    """Positions (...,2) in cells of the tops of the parabolas through each peak and its neighbours, on either axis.

    They lie at most half a cell beside the peak; for logarithms of a Gaussian they are exact. On the border of the map
    the whole cell stays.

    Args:
        maps: (...,H,W) logits, or logarithms of the values.
        cells: (...,2) int64, what `peaks` gives for the same maps.
    """
    height, width = maps.shape[-2:]
    inner = torch.stack([cells[..., 0].clamp(1, width - 2), cells[..., 1].clamp(1, height - 2)], dim=-1)
    centre, steps = inner[..., 1] * width + inner[..., 0], maps.new_tensor([1, width], dtype=torch.int64)
    index = torch.stack([centre[..., None] + step * steps for step in (-1, 0, 1)], dim=-1)
    before, top, after = maps.flatten(-2).gather(-1, index.flatten(-2)).reshape(index.shape).unbind(-1)
    offsets = (before - after) / (2 * (before - 2 * top + after)).clamp_max(-_LEAST_CURVATURE)
    is_inner = (cells == inner).all(dim=-1, keepdim=True)
    return cells + torch.where(is_inner, offsets.nan_to_num(0.0).clamp(-0.5, 0.5), 0.0)


def sample(maps: Tensor, keypoints_px: Tensor, convention: Convention = "floor", *, outside: float = 0.0) -> Tensor:
    """Read C_j^q(j_f^p): the value of each map at each target pose's keypoint (eq. 6).

    Args:
        maps: (Q,K,H,W) affinity maps of Q source poses.
        keypoints_px: (P,K,2) x, y of P target poses, in pixels of the frame the maps belong to.
        convention: how pixels become cells.
        outside: value for a keypoint outside the map.

    Returns:
        (Q,P,K) values.
    """
    height, width = maps.shape[-2:]
    cells = lookup_cell_of(keypoints_px, convention, height=height, width=width)
    shown = inside_map(cells, height=height, width=width)
    index = torch.where(shown, cells[..., 1] * width + cells[..., 0], 0)
    values = maps.flatten(-2).gather(-1, index.T.expand(len(maps), -1, -1))
    return torch.where(shown, values.transpose(1, 2), outside)
