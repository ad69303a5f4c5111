"""What a stage reports while it runs: its events, its notices, and what it rejects."""

from tasks.progress.events import Progress, as_current, current, progress_file, read_events, read_whole_lines

__all__ = ["Progress", "as_current", "current", "progress_file", "read_events", "read_whole_lines"]
