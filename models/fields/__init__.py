"""What the networks emit, and how it is encoded, decoded and sampled: heatmaps, offset maps, affinity maps."""
