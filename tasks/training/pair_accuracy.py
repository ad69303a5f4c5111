"""The share of warped keypoints that a correspondence network finds, measured without a training job."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

import numpy as np
import torch
from torch import Tensor

from models.fields.affinity_map import Convention, cell_of, peaks
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork
from tasks.training.job import Batch, Metrics
from tasks.training.pair_data import PairData

_NEAR_CELLS = 2.0
"""A warped keypoint is found when the peak is at most this far from it."""


class KeypointMaps:
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
        self.maps, self.target_px, self.labelled, self.shown = maps, target_px, labelled, shown
        self._cells: Convention = cells
        self._logits = logits

    def tally(self) -> Tensor:
        """One row for each labelled keypoint: shown, found, peak, and the peak in the units of the maps."""
        peak_cell, value = peaks(self.maps.float())
        near = (peak_cell - cell_of(self.target_px, self._cells)).float().norm(dim=-1) <= _NEAR_CELLS
        peak = value.sigmoid() if self._logits else value
        rows = torch.stack([self.shown.float(), near.float(), peak, value], dim=-1)
        return rows[self.labelled].cpu()


MapsOf: TypeAlias = Callable[[CorrespondenceNetwork, Batch], Mapping[str, KeypointMaps]]
"""The maps that are measured, by kind."""


def measure_pairs(
    network: CorrespondenceNetwork,
    pairs: PairData,
    maps_of: MapsOf,
    *,
    count: int,
    batch_size: int,
    generator: Callable[[int], np.random.Generator],
) -> Metrics:
    """Measure a network in eval mode on `count` warped pictures; arguments as for `tally_pairs`.

    Returns:
        Of each kind of maps: pck (share of shown keypoints whose peak is within 2 cells) and the mean peaks; empty
        without pictures.
    """
    tallies = tally_pairs(network, pairs, maps_of, count=count, batch_size=batch_size, generator=generator)
    return {key: value for kind, tally in tallies.items() for key, value in _metrics(kind, tally).items()}


def tally_pairs(
    network: CorrespondenceNetwork,
    pairs: PairData,
    maps_of: MapsOf,
    *,
    count: int,
    batch_size: int,
    generator: Callable[[int], np.random.Generator],
) -> dict[str, Tensor]:
    """Compare peaks with warped keypoints on `count` warped pictures.

    Args:
        network: the network.
        pairs: pictures; they are used again from the first where there are fewer than `count`.
        maps_of: computes the maps of a batch.
        count: pairs to draw.
        batch_size: pairs in one batch.
        generator: randomness of the pair of each number.

    Returns:
        The rows of `KeypointMaps.tally` of each kind of maps; empty without pictures.
    """
    if not len(pairs):
        return {}
    device = next(network.parameters()).device
    tallies: dict[str, list[Tensor]] = {}
    for start in range(0, count, batch_size):
        numbers = range(start, min(start + batch_size, count))
        samples = np.array([number % len(pairs) for number in numbers])
        batch = pairs.batch(samples, [generator(number) for number in numbers])
        batch = {name: part.to(device) for name, part in batch.items()}
        for kind, maps in maps_of(network, batch).items():
            tallies.setdefault(kind, []).append(maps.tally())
    return {kind: torch.cat(parts) for kind, parts in tallies.items()}


def _metrics(kind: str, tally: Tensor) -> Metrics:
    shown = tally[:, 0] > 0
    metrics = {f"pck_{kind}": float(tally[shown, 1].mean()), f"peak_{kind}": float(tally[shown, 2].mean())}
    if not shown.all():
        metrics[f"peak_{kind}_lost"] = float(tally[~shown, 2].mean())
    return metrics


def siamese_maps(network: CorrespondenceNetwork, batch: Batch, cells: Convention) -> KeypointMaps:
    """The maps S (4.1) of all keypoints of all persons of a picture at once."""
    source, target = network.features(torch.cat([batch["first"], batch["second"]])).chunk(2)
    labelled, shown = batch["labelled"].flatten(1, 2), batch["shown"].flatten(1, 2)
    maps = network.affinity_maps(source, target, query_cells(batch["first_xy"].flatten(1, 2), labelled))
    return KeypointMaps(maps, batch["second_xy"].flatten(1, 2), labelled, shown, cells)


def refinement_maps(network: CorrespondenceNetwork, batch: Batch) -> dict[str, KeypointMaps]:
    """The maps S and the logits of the refined maps C (4.2), one row for each person with a labelled keypoint.

    The Siamese network computes no gradients.
    """
    picture, person = batch["labelled"].any(dim=2).nonzero(as_tuple=True)
    first_xy, second_xy, labelled, shown = (
        batch[name][picture, person] for name in ("first_xy", "second_xy", "labelled", "shown")
    )
    with torch.no_grad():
        source, target = network.features(torch.cat([batch["first"], batch["second"]])).chunk(2)
        source, target = source[picture], target[picture]
        maps = network.affinity_maps(source, target, query_cells(first_xy, labelled))
    logits = cast(RefinementNetwork, network.refinement)(source, target, maps)
    return {
        "siamese": KeypointMaps(maps, second_xy, labelled, shown, network.cells),
        "refined": KeypointMaps(logits, second_xy, labelled, shown, network.cells, logits=True),
    }


def query_cells(xy: Tensor, labelled: Tensor) -> Tensor:
    """Keypoints (...,K,2) as row and column in fractional feature cells; NaN where not labelled, so the map is zero."""
    cells = xy.flip(-1) / 4.0
    return torch.where(labelled[..., None], cells, torch.nan)
