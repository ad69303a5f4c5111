"""What the page states of the player of a video, whether it shows a clip or an overlay."""

from typing import Final

from tasks.reporting.gather import Row
from tasks.reporting.labels import counted

_CONTROLS: Final = 0.18
"""Height of the controls of a player as a share of its width."""


def player_sides(width: int | None, height: int | None) -> Row:
    """Width against height in CSS: `picture`, and `aspect` of the player with a band for the controls below it."""
    across, down = int(width or 16), int(height or 9)
    return {"picture": f"{across} / {down}", "aspect": f"{across} / {down + round(_CONTROLS * across)}"}


def tracks_caption(tracks: int, frames: int, *, is_merged: bool) -> str:
    """How many tracks a video has, as a sentence."""
    return f"{counted(tracks, 'merged track' if is_merged else 'track')} in {counted(frames, 'frame')}."
