"""The re-identification baseline: every pose's box as one embedding (6.2)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from models.arrays import FloatArray, IntArray
from models.networks.reid import load_reid
from models.poses.crops import stretched_crop
from models.tracking.similarity import ReidSimilarity
from tasks.inference.networks import device, prepare
from tasks.tables import read_table
from tasks.tables.arrays import list_array
from tasks.tables.schemas import POSES, RECOVERED_POSES
from tasks.tracker_evaluation.videos import TrialVideo

if TYPE_CHECKING:
    from tasks.params.sections import Params

Embed = Callable[[torch.Tensor], torch.Tensor]
"""Crops (B,3,H,W), RGB in 0..1, to features (B,D)."""
_BATCH = 32


def embedder(params: "Params", weights: Path) -> Embed | None:
    """The external embedder that the parameters name, else `train_reid`'s network; None where that was not trained."""
    if params.ablate.reid_embedder:
        module = torch.jit.load(params.ablate.reid_embedder, map_location=device()).eval()  # type: ignore[no-untyped-call]
        return lambda crops: torch.nn.functional.normalize(module(crops), dim=1)
    network = prepare(load_reid(weights))
    return network.embed if network.architecture["identities"] else None


def reid_similarity(trial: TrialVideo, embed: Embed, *, crop_height: int, crop_width: int) -> ReidSimilarity:
    """Cosine of the embeddings of the boxes that the poses were estimated in."""
    parts = list(_embedded(trial, embed, crop_height, crop_width))
    return ReidSimilarity(np.concatenate([ids for ids, _ in parts]), np.concatenate([values for _, values in parts]))


@torch.inference_mode()
def _embedded(
    trial: TrialVideo, embed: Embed, crop_height: int, crop_width: int
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Embeddings frame by frame, in batches that never cross frames, so that neighbours change nothing."""
    frames, pose_ids, boxes = _boxes(trial)
    for index, picture in trial.video.open(trial.data).read(sorted(set(frames.tolist()))):
        here = np.flatnonzero(frames == index)
        for start in range(0, len(here), _BATCH):
            batch = here[start : start + _BATCH]
            crops = [
                stretched_crop(picture, box, crop_width=crop_width, crop_height=crop_height) for box in boxes[batch]
            ]
            images = torch.from_numpy(np.stack(crops)).to(device()).permute(0, 3, 1, 2).float().div_(255)
            yield pose_ids[batch], embed(images).double().cpu().numpy()


def _boxes(trial: TrialVideo) -> tuple[IntArray, IntArray, FloatArray]:
    columns = ["frame_index", "pose_id", "box_xywh", "box_source"]
    tables = (
        read_table(table, table.path(trial.tables, trial.video_id), columns) for table in (POSES, RECOVERED_POSES)
    )
    rows = pa.concat_tables(tables).filter(pc.field("box_source") == trial.box_source)
    ids = [np.asarray(rows[name].to_numpy(), dtype=np.int64) for name in columns[:2]]
    return ids[0], ids[1], list_array(rows, "box_xywh")
