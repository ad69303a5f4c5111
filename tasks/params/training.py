"""Sections of the training stages."""

from tasks.params.section import Section


class PretrainParams(Section):
    """Parameters of the stage."""


class FinetuneParams(Section):
    """Parameters of the stage."""


class TrainSiameseParams(Section):
    """Parameters of the stage."""


class TrainRefinementParams(Section):
    """Parameters of the stage."""


class TrainReidParams(Section):
    """Parameters of the stage."""
