"""The geometry of self-supervised pairs: warps of a picture and of its keypoints, and other backgrounds (4.3)."""
