"""Training of the correspondence network: the Siamese network, then the refinement behind it (4.3)."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from models.fields.affinity_map import Convention, cell_index, cell_of, encode_affinity_map, peaks
from models.keypoints import IntArray
from models.losses import refinement_loss, siamese_loss, softmax_loss
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork
from models.weight_files import save_weights
from tasks.params.training import PairTrainingSection, TrainRefinementParams, TrainSiameseParams
from tasks.training.job import Batch, Figures
from tasks.training.pair_data import PairData
from tasks.training.stage import StageJob

_NEAR_CELLS = 2.0
"""A warped keypoint is found when the peak is this near to it."""


class PairJob(StageJob):
    """What both trainings share: pairs, targets, and the share of warped keypoints that are found.

    With several sources of training pictures the epochs are split evenly between them, in their order.
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
        """As the stage says."""
        return self._build()

    def batch(self, samples: IntArray, places: IntArray, epoch: int) -> Batch:
        """Pairs (see PairData.batch)."""
        return self._data_of(epoch).batch(samples, [self.generator(epoch, int(place)) for place in places])

    @abstractmethod
    def _maps(self, network: CorrespondenceNetwork, batch: Batch) -> dict[str, "Maps"]:
        """The maps that are measured, by name."""

    def validate(self, network: nn.Module) -> Figures:
        """Of each kind of maps: pck (share of shown keypoints whose peak is within 2 cells) and the mean peaks."""
        wanted, size = self.section.validation_samples, self.section.micro_batch_size
        if not len(self._held_out):
            return {}
        tallies: dict[str, list[Tensor]] = {}
        device = next(network.parameters()).device
        for start in range(0, wanted, size):
            places = range(start, min(start + size, wanted))
            samples = np.array([place % len(self._held_out) for place in places])
            batch = self._held_out.batch(samples, [self.generator(-1, place) for place in places])
            batch = {name: part.to(device) for name, part in batch.items()}
            for name, maps in self._maps(cast(CorrespondenceNetwork, network), batch).items():
                tallies.setdefault(name, []).append(maps.tally())
        return {
            key: value for name, parts in tallies.items() for key, value in _figures(name, torch.cat(parts)).items()
        }


class Maps:
    """Maps (B,K,H,W) of one kind, or their logits, with the pixels they should peak at."""

    def __init__(
        self,
        maps: Tensor,
        target_px: Tensor,
        labelled: Tensor,
        shown: Tensor,
        cells: Convention,
        *,
        logits: bool = False,
    ) -> None:
        self.maps, self.labelled, self.shown = maps, labelled, shown
        self._target, self._logits = cell_of(target_px, cells), logits

    def tally(self) -> Tensor:
        """One row for each labelled keypoint: shown, found, peak."""
        found, value = peaks(self.maps.float())
        near = (found - self._target).float().norm(dim=-1) <= _NEAR_CELLS
        peak = value.sigmoid() if self._logits else value
        rows = torch.stack([self.shown.float(), near.float(), peak], dim=-1)
        return rows[self.labelled].cpu()


def _figures(name: str, tally: Tensor) -> Figures:
    shown = tally[:, 0] > 0
    figures = {f"pck_{name}": float(tally[shown, 1].mean()), f"peak_{name}": float(tally[shown, 2].mean())}
    if not shown.all():
        figures[f"peak_{name}_lost"] = float(tally[~shown, 2].mean())
    return figures


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
        joined = torch.cat([maps.flatten(2) for maps in affinities], dim=2)
        return softmax_loss(self._section.affinity_gain * joined, right)

    def _maps(self, network: CorrespondenceNetwork, batch: Batch) -> dict[str, Maps]:
        source, target = network.features(torch.cat([batch["first"], batch["second"]])).chunk(2)
        labelled, shown = batch["labelled"].flatten(1, 2), batch["shown"].flatten(1, 2)
        cells_yx = query_cells(batch["first_xy"].flatten(1, 2), labelled)
        maps = network.affinity_maps(source, target, cells_yx)
        return {"siamese": Maps(maps, batch["second_xy"].flatten(1, 2), labelled, shown, self._section.cells)}

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
        logits, target_px, labelled, shown, _ = self._refined(correspondence, batch)
        height, width = logits.shape[-2:]
        convention = correspondence.cells
        targets = encode_affinity_map(target_px, shown, height=height, width=width, convention=convention)
        loss = refinement_loss(logits, targets, labelled, positive_weight=self._section.positive_weight)
        if self._section.softmax_weight:
            right = cell_index(target_px, shown, height=height, width=width, convention=convention)
            loss = loss + self._section.softmax_weight * softmax_loss(logits.flatten(2), right)
        return loss

    def _refined(self, network: CorrespondenceNetwork, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Logits (N,17,H,W) of the N persons with a labelled keypoint, targets in px, labelled, shown, and maps S."""
        picture, person = batch["labelled"].any(dim=2).nonzero(as_tuple=True)
        first_xy, second_xy, labelled, shown = (
            batch[name][picture, person] for name in ("first_xy", "second_xy", "labelled", "shown")
        )
        with torch.no_grad():
            source, target = network.features(torch.cat([batch["first"], batch["second"]])).chunk(2)
            source, target = source[picture], target[picture]
            maps = network.affinity_maps(source, target, query_cells(first_xy, labelled))
        logits = cast(RefinementNetwork, network.refinement)(source, target, maps)
        return logits, second_xy, labelled, shown, maps

    def _maps(self, network: CorrespondenceNetwork, batch: Batch) -> dict[str, Maps]:
        logits, target_px, labelled, shown, maps = self._refined(network, batch)
        return {
            "siamese": Maps(maps, target_px, labelled, shown, network.cells),
            "refined": Maps(logits, target_px, labelled, shown, network.cells, logits=True),
        }

    def save(self, network: nn.Module, path: Path) -> None:
        """Write the Siamese and the refinement network in one file."""
        correspondence = cast(CorrespondenceNetwork, network)
        params = self._section.model_dump(mode="json")
        save_weights(
            path, correspondence, kind="correspondence", architecture=correspondence.architecture, params=params
        )


def query_cells(xy: Tensor, labelled: Tensor) -> Tensor:
    """Keypoints (...,K,2) as row and column in fractional feature cells; NaN where not labelled, so the map is zero."""
    cells = xy.flip(-1) / 4.0
    return torch.where(labelled[..., None], cells, torch.nan)
