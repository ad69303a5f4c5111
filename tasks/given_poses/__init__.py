"""Trackers compared on poses that are given: those of another program on annotated video, or true ones with noise."""
