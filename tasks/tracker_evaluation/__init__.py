"""Evaluation of trackers on tables: associate the poses of a video again by any method, and score the tracks."""
