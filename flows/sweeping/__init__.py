"""A grid of params as DVC experiments: its points, where they run, and what they are committed as."""
