"""Training of the correspondence network: the Siamese network, then the refinement behind it (4.3)."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.arrays import IntArray
from models.fields.affinity_map import cell_index, encode_affinity_map
from models.losses import refinement_loss, siamese_loss, softmax_loss
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork
from models.weight_files import save_weights
from tasks.params.pair_training import PairTrainingSection
from tasks.params.train_refinement import TrainRefinementParams
from tasks.params.train_siamese import TrainSiameseParams
from tasks.training.checkpoint import FinalResults
from tasks.training.job import Batch, Metrics, TrainingJob
from tasks.training.pair_accuracy import (
    KeypointMaps,
    measure_pairs,
    query_cells,
    refinement_maps,
    siamese_maps,
)
from tasks.training.pair_calibration import calibrate
from tasks.training.pair_data import PairData


class PairJob(TrainingJob):
    """What both trainings share: pairs, and the share of warped keypoints that are found.

    With several sources of training pictures each gets an equal share of the epochs, one after another.
    """

    def __init__(
        self,
        stage: str,
        section: PairTrainingSection,
        *,
        seed: int,
        data: Sequence[PairData],
        held_out: PairData,
        digests: Mapping[str, str],
        build: Callable[[], CorrespondenceNetwork],
    ) -> None:
        super().__init__(stage, section, seed=seed)
        self._data, self._held_out, self._build = list(data), held_out, build
        self.data_digests = dict(digests)

    def _data_of(self, epoch: int) -> PairData:
        return self._data[epoch * len(self._data) // max(1, self.section.epochs)]

    def samples(self, epoch: int) -> int:
        """Pictures."""
        return len(self._data_of(epoch))

    def build(self) -> CorrespondenceNetwork:
        """The network of the constructor's argument."""
        return self._build()

    def batch(self, samples: IntArray, positions: IntArray, epoch: int) -> Batch:
        """Pairs (see PairData.batch)."""
        return self._data_of(epoch).batch(samples, [self.generator(epoch, int(position)) for position in positions])

    @abstractmethod
    def _maps(self, network: CorrespondenceNetwork, batch: Batch) -> dict[str, KeypointMaps]:
        """The maps that are measured, by name."""

    def validate(self, network: nn.Module) -> Metrics:
        """See `measure_pairs`."""
        return measure_pairs(
            cast(CorrespondenceNetwork, network),
            self._held_out,
            self._maps,
            count=self.section.validation_samples,
            batch_size=self.section.micro_batch_size,
            generator=partial(self.generator, -1),
        )


class SiameseJob(PairJob):
    """The Siamese network (4.1): all keypoints of all persons of a picture at once."""

    metric = "pck_siamese"

    def __init__(self, stage: str, section: TrainSiameseParams, **rest: Any) -> None:
        super().__init__(stage, section, **rest)
        self._section = section

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Equation 4, or the cross entropy of the softmax."""
        correspondence = cast(CorrespondenceNetwork, network)
        if self._section.loss == "softmax":
            return self._softmax_loss(correspondence, batch)
        maps = self._maps(correspondence, batch)["siamese"]
        height, width = maps.maps.shape[-2:]
        targets = encode_affinity_map(
            batch["second_xy"].flatten(1, 2), maps.shown, height=height, width=width, convention=self._section.cells
        )
        return siamese_loss(maps.maps, targets, maps.labelled)

    def _softmax_loss(self, network: CorrespondenceNetwork, batch: Batch) -> Tensor:
        source, target = network.features(torch.cat([batch["first"], batch["second"]])).chunk(2)
        height, width = target.shape[-2:]
        cells_yx = query_cells(batch["first_xy"].flatten(1, 2), batch["labelled"].flatten(1, 2))
        pictures = min(1 + self._section.negative_pictures, len(target))
        affinities = [network.affinities(source, target.roll(turn, 0), cells_yx)[0] for turn in range(pictures)]
        right = cell_index(
            *(batch[name].flatten(1, 2) for name in ("second_xy", "shown")),
            height=height,
            width=width,
            convention=self._section.cells,
        )
        logits = torch.cat([maps.flatten(2) for maps in affinities], dim=2)
        return softmax_loss(self._section.affinity_gain * logits, right)

    def _maps(self, network: CorrespondenceNetwork, batch: Batch) -> dict[str, KeypointMaps]:
        return {"siamese": siamese_maps(network, batch, self._section.cells)}

    def save(self, network: nn.Module, path: Path) -> None:
        """Write the Siamese network alone; how features are normalised stands in the params."""
        siamese = cast(CorrespondenceNetwork, network).siamese
        params = self._section.model_dump(mode="json")
        save_weights(path, siamese, kind="siamese", architecture=siamese.architecture, params=params)


class RefinementJob(PairJob):
    """The refinement network (4.2), one person at a time in the batch; the Siamese network gives its inputs."""

    metric = "pck_refined"

    def __init__(self, stage: str, section: TrainRefinementParams, **rest: Any) -> None:
        super().__init__(stage, section, **rest)
        self._section = section

    def trained(self, network: nn.Module) -> RefinementNetwork:
        """The Siamese network stays as it is, in eval mode."""
        correspondence = cast(CorrespondenceNetwork, network)
        correspondence.siamese.requires_grad_(False)
        return cast(RefinementNetwork, correspondence.refinement)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Equation 5, and beside it, by parameter, the cross entropy of the softmax over the cells."""
        correspondence = cast(CorrespondenceNetwork, network)
        maps = refinement_maps(correspondence, batch)["refined"]
        logits, target_px, shown = maps.maps, maps.target_px, maps.shown
        height, width = logits.shape[-2:]
        convention = correspondence.cells
        sigma = self._section.target_sigma_cells
        grid = {"height": height, "width": width}
        targets = encode_affinity_map(target_px, shown, **grid, convention=convention, sigma_cells=sigma)
        loss = refinement_loss(logits, targets, maps.labelled, positive_weight=self._section.positive_weight)
        if self._section.softmax_weight:
            right = cell_index(target_px, shown, **grid, convention=convention)
            loss = loss + self._section.softmax_weight * softmax_loss(logits.flatten(2), right)
        return loss

    def _maps(self, network: CorrespondenceNetwork, batch: Batch) -> dict[str, KeypointMaps]:
        return refinement_maps(network, batch)

    def finalise(self, network: nn.Module) -> FinalResults:
        """Calibrate C on held-out pairs, by parameter, and measure its reliability."""
        return calibrate(
            cast(CorrespondenceNetwork, network),
            self._held_out,
            sizes_px=self._section.calibration_sizes_px,
            size_px=self._section.size_px,
            count=self.section.validation_samples,
            batch_size=self.section.micro_batch_size,
            generator=partial(self.generator, -1),
        )

    def save(self, network: nn.Module, path: Path) -> None:
        """Write the Siamese and the refinement network in one file."""
        correspondence = cast(CorrespondenceNetwork, network)
        params = self._section.model_dump(mode="json")
        save_weights(
            path, correspondence, kind="correspondence", architecture=correspondence.architecture, params=params
        )
