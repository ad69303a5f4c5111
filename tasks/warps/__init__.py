"""How far correspondences carry: keypoints of annotated footage warped over growing gaps."""
