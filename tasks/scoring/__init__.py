"""Scoring of PoseTrack files: the official readers' views of them, errors, totals, result files."""
