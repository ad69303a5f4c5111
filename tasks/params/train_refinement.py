"""Section of the stage `train_refinement`."""

from tasks.params.pair_training import PairTrainingSection
from tasks.params.section import NetworkSide, NotNegative, Positive


class TrainRefinementParams(PairTrainingSection):
    """The refinement network, behind the frozen Siamese network (4.2)."""

    width: Positive
    map_gain: Positive
    """Multiplies the initial weights that read the maps S, whose values are small; 1 leaves them as they are drawn."""
    scale_maps: bool
    """Whether the network reads S times the cells of its map; false is the paper. S sums to 1 over the cells, so
    without it a frame of twice the side has a quarter of the values that were trained with."""
    residual: bool
    """Whether the logits of C are those of the network plus log S, times a learned number; false is the paper. The
    network halves its input at once, so without it C is less precise within a cell than S."""
    target_sigma_cells: NotNegative
    """Standard deviation, in cells, of the Gaussian that is the target of a keypoint; 0 is the paper: one cell. With a
    Gaussian C is high near the keypoint too, so that equation 6 also serves poses that are a few pixels off."""
    positive_weight: Positive
    """Weight of the target's cell against the others in equation 5; 1 is the paper."""
    softmax_weight: NotNegative
    """Weight of the cross entropy of the softmax over the cells, added to equation 5; 0 is the paper."""
    calibration_sizes_px: list[NetworkSide]
    """Frame sizes at which C is calibrated on held-out pairs after training, so that a peak is the probability that the
    keypoint lies within 2 cells of it, in frames of every size. The calibration is part of the weight file. Empty does
    not calibrate, as the paper."""
