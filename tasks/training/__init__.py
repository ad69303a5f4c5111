"""Training: one resumable loop for all networks, the samples of each, and their validation."""
