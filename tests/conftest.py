"""What holds for every test: hypothesis draws the same examples each time and judges no test by its wall time."""

import signal

from hypothesis import settings

settings.register_profile("deterministic", deadline=None, derandomize=True, database=None)
settings.load_profile("deterministic")

# A shell without job control starts `make test &` with SIGINT ignored, which every process of the tests would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
