"""Offset maps: from the corner of each cell near a keypoint to the keypoint, in pixels of the crop (A.1)."""

import torch
from torch import Tensor

from models.fields.heatmap import cell_centres
from models.networks.backbone import FEATURE_STRIDE


def encode_offset_map(
    keypoints_xy: Tensor, visibility: Tensor, *, height: int, width: int, radius_px: float
) -> tuple[Tensor, Tensor]:
    """Offsets of every cell to each keypoint, and the cells in which they are trained.

    Args:
        keypoints_xy: (...,K,2) in pixels of the crop, anywhere.
        visibility: (...,K); 0 defines no offset.
        height: of the crop, pixels.
        width: of the crop, pixels.
        radius_px: offsets are defined in cells whose centre is this near to the keypoint.

    Returns:
        (...,2K,height/4,width/4) float32, K x offsets then K y offsets, 0 where undefined, and
        (...,K,height/4,width/4) bool, where they are defined.
    """
    x, y = keypoints_xy.float().unbind(-1)
    to_x = x[..., None] - cell_centres(width, device=x.device)
    to_y = y[..., None] - cell_centres(height, device=y.device)
    near = to_x[..., None, :].square() + to_y[..., :, None].square() <= radius_px**2
    defined = near & (visibility > 0)[..., None, None]
    from_corner = FEATURE_STRIDE / 2
    x_offsets = torch.where(defined, to_x[..., None, :] + from_corner, 0.0)
    y_offsets = torch.where(defined, to_y[..., :, None] + from_corner, 0.0)
    return torch.cat([x_offsets, y_offsets], dim=-3), defined
