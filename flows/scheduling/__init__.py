"""Reprocessing again and again: what became of each video, when the next run is, and who may write."""
