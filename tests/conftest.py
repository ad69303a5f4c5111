"""What holds for every test: hypothesis draws the same examples each time and judges no test by its wall time."""

from hypothesis import settings

settings.register_profile("deterministic", deadline=None, derandomize=True, database=None)
settings.load_profile("deterministic")
