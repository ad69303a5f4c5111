"""Section of the stage `train_reid`."""

from typing import Annotated

from pydantic import Field

from tasks.params.section import AtLeastOne, NetworkSide, NotNegative, Positive, Share
from tasks.params.training import TrainingSection


class TrainReidParams(TrainingSection):
    """The re-identification baseline of Table 2: identity and triplet loss, BNNeck (6.2)."""

    width: Positive
    embedding: AtLeastOne
    crop_height_px: NetworkSide
    crop_width_px: NetworkSide
    identities_per_batch: Annotated[int, Field(ge=2)]
    """Identities of one micro-batch; must divide micro_batch_size, at least 2 crops each."""
    label_smoothing: Share
    triplet_margin: NotNegative
    erasing_probability: Share
    flip_probability: Share
    shift_share: Share
    """Shift of the crop before it is cut, as a share of the box."""
