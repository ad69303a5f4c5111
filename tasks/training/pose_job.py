"""Training of the pose network: every stage learns heatmaps and offset maps (6.1, A.1)."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import BoolArray, FloatArray, IntArray
from models.fields.heatmap import decode_heatmap, encode_heatmap
from models.fields.offset_map import encode_offset_map
from models.keypoints import KEYPOINT_COUNT
from models.losses import heatmap_loss, offset_loss
from models.metrics.sequence import HEAD_SIZE, MATCH_DISTANCE
from models.networks.pose import PoseNetwork
from models.poses.crops import apply, invert
from models.weight_files import save_weights
from tasks.params.pose_training import PoseTrainingSection
from tasks.training.checkpoint import FinalResults
from tasks.training.job import Batch, Metrics, TrainingJob
from tasks.training.oks_ap import oks_ap
from tasks.training.pose_data import PoseData

_BOX_SHARE = 0.1
"""Distance below which a keypoint without head box counts as found, as a share of the diagonal of the person box."""


class PoseJob(TrainingJob):
    """The pose network on one source of persons."""

    metric = "pck"

    def __init__(
        self,
        stage: str,
        section: PoseTrainingSection,
        *,
        seed: int,
        data: PoseData,
        held_out: PoseData,
        digests: Mapping[str, str],
        build: Callable[[], PoseNetwork],
    ) -> None:
        super().__init__(stage, section, seed=seed)
        self._section, self._data, self._held_out, self._build = section, data, held_out, build
        self.data_digests = dict(digests)

    def samples(self, epoch: int) -> int:
        """Persons."""
        return len(self._data)

    def build(self) -> PoseNetwork:
        """The network of the constructor's argument."""
        return self._build()

    def batch(self, samples: IntArray, positions: IntArray, epoch: int) -> Batch:
        """Jittered crops (see PoseData.batch) with their fields."""
        batch = self._data.batch(samples, [self.generator(epoch, int(position)) for position in positions])
        return batch | self._fields(batch)

    def _fields(self, batch: Batch) -> Batch:
        size = {"height": self._section.crop_height_px, "width": self._section.crop_width_px}
        xy, labelled = batch["xy"], batch["labelled"]
        heatmaps = encode_heatmap(xy, labelled, sigma_px=self._section.heatmap_sigma_px, **size)
        offsets, defined = encode_offset_map(xy, labelled, radius_px=self._section.offset_radius_px, **size)
        return {"heatmaps": heatmaps, "offsets": offsets, "defined": defined}

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Sum of the losses of both fields over all stages."""
        return self._loss_of(network(batch["images"]), batch)

    def _loss_of(self, stages: list[Tensor], batch: Batch) -> Tensor:
        losses = []
        for maps in stages:
            heatmaps, offsets = maps[:, :KEYPOINT_COUNT], maps[:, KEYPOINT_COUNT:]
            losses.append(heatmap_loss(heatmaps, batch["heatmaps"], batch["labelled"]))
            losses.append(self._section.offset_weight * offset_loss(offsets, batch["offsets"], batch["defined"]))
        return torch.stack(losses).sum()

    def validate(self, network: nn.Module) -> Metrics:
        """pck (share of held-out keypoints found) and the validation loss."""
        samples = _drawn(len(self._held_out), self._section.validation_samples, self.generator(-1, 0))
        near: list[BoolArray] = []
        losses: list[float] = []
        for chosen in self._chunks(samples):
            batch, affines = self._held_out.plain_batch(chosen)
            images = batch["images"].to(next(network.parameters()).device)
            stages = [maps.float().cpu() for maps in network(images)]
            losses += [float(self._loss_of(stages, batch | self._fields(batch)))] * len(chosen)
            xy, _ = _decoded(stages[-1])
            distance = np.linalg.norm(xy - batch["xy"].numpy(), axis=-1)
            near.append((distance < self._reach_px(chosen, affines)[:, None])[batch["labelled"].numpy()])
        if not near:
            return {}
        return {"validation_loss": float(np.mean(losses)), "pck": float(np.concatenate(near).mean())}

    def _reach_px(self, samples: IntArray, affines: FloatArray) -> FloatArray:
        """Distance (B,), px of the crop, below which a keypoint counts as found: half a head, or 0.1 box diagonals."""
        persons = self._held_out.persons
        head = MATCH_DISTANCE * HEAD_SIZE * np.linalg.norm(persons.box_head_xywh[samples, 2:], axis=-1)
        box = _BOX_SHARE * np.linalg.norm(persons.box_xywh[samples, 2:], axis=-1)
        reach: FloatArray = np.where(np.isnan(head), box, head) * affines[:, 0, 0]
        return reach

    def _chunks(self, samples: IntArray) -> Iterator[IntArray]:
        size = max(1, self._section.micro_batch_size)
        return (samples[start : start + size] for start in range(0, len(samples), size))

    def save(self, network: nn.Module, path: Path) -> None:
        """Write the weights with the parameters of their training."""
        pose = cast(PoseNetwork, network)
        params = self._section.model_dump(mode="json")
        save_weights(path, pose, kind="pose", architecture=pose.architecture, params=params)


class CocoPoseJob(PoseJob):
    """The pose network on COCO persons; after training COCO's average precision is measured."""

    def finalise(self, network: nn.Module) -> FinalResults:
        """OKS AP on all held-out COCO persons, in their annotated boxes."""
        if not len(self._held_out):
            return FinalResults()
        results = [self._predicted(network, chosen) for chosen in self._chunks(np.arange(len(self._held_out)))]
        xy, scores = (np.concatenate(parts) for parts in zip(*results, strict=True))
        return FinalResults(oks_ap(self._held_out.persons, xy, scores))

    def _predicted(self, network: nn.Module, samples: IntArray) -> tuple[FloatArray, FloatArray]:
        """Keypoints (B,17,2) in pixels of the pictures and their scores (B,17)."""
        batch, affines = self._held_out.plain_batch(samples)
        xy, scores = _decoded(network(batch["images"])[-1])
        return np.stack(apply(invert(affines), xy[..., 0], xy[..., 1]), axis=-1), scores


def _decoded(maps: Tensor) -> tuple[FloatArray, FloatArray]:
    xy, scores = decode_heatmap(maps[:, :KEYPOINT_COUNT].sigmoid(), maps[:, KEYPOINT_COUNT:])
    return xy.double().numpy(), scores.double().numpy()


def _drawn(count: int, most: int, generator: np.random.Generator) -> IntArray:
    """At most `most` of `count` samples, in order."""
    return np.sort(generator.permutation(count)[:most]).astype(np.int64)
