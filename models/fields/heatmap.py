"""Heatmaps: how likely each keypoint lies in each cell of a person's crop (6.1, A.1).

The centre of a cell is at 4 i + 2 (see affinity_map). With offset maps a keypoint decodes to 4 i + dx, as in
the released code: offsets are measured from the corner of the cell, so the authors' weights decode unchanged.
"""

import torch
from torch import Tensor

from models.fields.affinity_map import peaks, pixel_of
from models.networks.backbone import FEATURE_STRIDE


def encode_heatmap(keypoints_xy: Tensor, visibility: Tensor, *, height: int, width: int, sigma_px: float) -> Tensor:
    """Draw a Gaussian around the exact position of each visible keypoint; it is 1 at a cell with that centre.

    Args:
        keypoints_xy: (...,K,2) in pixels of the crop, anywhere.
        visibility: (...,K); 0 leaves the map empty.
        height: of the crop, pixels.
        width: of the crop, pixels.
        sigma_px: standard deviation, pixels of the crop.

    Returns:
        (...,K,height/4,width/4) float32 in 0..1.
    """
    x, y = keypoints_xy.float().unbind(-1)
    along_x = _gaussian(x, size=width, sigma_px=sigma_px)
    along_y = _gaussian(y, size=height, sigma_px=sigma_px)
    heatmaps = along_y[..., :, None] * along_x[..., None, :]
    return torch.where((visibility > 0)[..., None, None], heatmaps, 0.0)


def cell_centres(size: int, *, device: torch.device | None = None) -> Tensor:
    """Centres (size/4,) of the cells along a side of `size` pixels, in pixels."""
    return pixel_of(torch.arange(size // FEATURE_STRIDE, device=device), "floor")


def _gaussian(position: Tensor, *, size: int, sigma_px: float) -> Tensor:
    distance = cell_centres(size, device=position.device) - position[..., None]
    return torch.exp(-0.5 * (distance / sigma_px).square())


def decode_heatmap(heatmaps: Tensor, offset_maps: Tensor | None) -> tuple[Tensor, Tensor]:
    """Locate each keypoint: the cell of the largest value and, with offset maps, the offset there (eq. 7).

    Args:
        heatmaps: (B,K,H,W), larger is likelier.
        offset_maps: (B,2K,H,W), K x offsets then K y offsets, in pixels of the crop from the cell's corner; without
            them a keypoint decodes to the cell's centre.

    Returns:
        (B,K,2) x, y in pixels of the crop, and (B,K) the values of the heatmaps there.
    """
    cells, score = peaks(heatmaps)
    if offset_maps is None:
        return pixel_of(cells, "floor"), score
    index = cells[..., 1] * heatmaps.shape[-1] + cells[..., 0]
    by_axis = offset_maps.flatten(2).unflatten(1, (2, -1))  # type: ignore[no-untyped-call]
    offset = by_axis.gather(3, index[:, None, :, None].expand(-1, 2, -1, -1)).squeeze(3)
    return cells * FEATURE_STRIDE + offset.transpose(1, 2), score
