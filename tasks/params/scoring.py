"""Section of the stage that scores."""

from tasks.params.section import Section


class ScoreParams(Section):
    """Parameters of the stage."""
