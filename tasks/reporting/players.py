"""What the page states of the player of a video, whether it shows a clip or an overlay."""

from typing import Final

from tasks.reporting.gather import Row
from tasks.reporting.labels import counted
from tasks.reporting.run_facts import RunFacts

_CONTROLS: Final = 0.18
"""Height of the controls of a player as a share of its width."""


def player_sides(width: int | None, height: int | None) -> Row:
    """Width against height in CSS: `picture`, and `aspect` of the player with a band for the controls below it."""
    across, down = int(width or 16), int(height or 9)
    return {"picture": f"{across} / {down}", "aspect": f"{across} / {down + round(_CONTROLS * across)}"}


def tracks_caption(tracks: int, frames: int, *, is_merged: bool) -> str:
    """How many tracks a video has, as a sentence."""
    return f"{counted(tracks, 'merged track' if is_merged else 'track')} in {counted(frames, 'frame')}."


def overlay_players(run: RunFacts) -> list[Row]:
    """A row like those of `run.clips` for each other tracked video: its overlay, or path None where it has none."""
    clips = {clip["video_id"] for clip in run.clips}
    return [_overlay_player(run, row) for row in run.videos if row["video"] not in clips]


def _overlay_player(run: RunFacts, row: Row) -> Row:
    tracks = row["merged" if row["is merged"] else "tracks"]
    caption = tracks_caption(tracks, row["frames"], is_merged=row["is merged"])
    facts = {"video_id": row["video"], "caption": caption, "tags": row["tags"]}
    files = {"path": run.overlays.get(row["video"]), "poster": None}
    return facts | files | player_sides(row["width"], row["height"])
