"""Accuracy of correspondences over growing gaps between the frames of an annotated video."""
