"""Poses as arrays: their boxes, the crops they are estimated in, OKS and its non-maximum suppression."""
