"""The re-identification baseline: one embedding for the box of each pose (6.2)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from models.arrays import FloatArray, IntArray, Picture
from models.networks.inference import device, prepare
from models.networks.reid import load_reid
from models.poses.crops import image_tensor, stretched_crop
from models.tracking.similarity import ReidSimilarity
from tasks.tables import read_table
from tasks.tables.arrays import list_array
from tasks.tables.schemas import POSES, RECOVERED_POSES
from tasks.tracker_evaluation.videos import EvaluationVideo

if TYPE_CHECKING:
    from tasks.params.sections import Params


Embed = Callable[[torch.Tensor], torch.Tensor]
"""Crops (B,3,H,W), RGB in 0..1, to features (B,D)."""
_BATCH = 32
Pictures: TypeAlias = Callable[[Iterable[int]], Iterator[tuple[int, Picture]]]
"""Frames to their index and picture (H,W,3) RGB."""
PoseBoxes: TypeAlias = tuple[IntArray, IntArray, FloatArray]
"""Frame (N,), pose id (N,) and box (N,4) xywh of each pose."""


def embedder(params: "Params", weights: Path) -> Embed | None:
    """The external embedder of the parameters, else the network of `train_reid`; None where it was not trained."""
    if params.ablate.reid_embedder:
        module = torch.jit.load(params.ablate.reid_embedder, map_location=device()).eval()  # type: ignore[no-untyped-call]
        return lambda crops: torch.nn.functional.normalize(module(crops), dim=1)
    network = prepare(load_reid(weights))
    return network.embed if network.architecture["identities"] else None


def reid_similarity(video: EvaluationVideo, embed: Embed, *, crop_height: int, crop_width: int) -> ReidSimilarity:
    """Cosine of the embeddings of the boxes that the poses were estimated in."""
    return similarity_of_boxes(video.pictures, _boxes(video), embed, crop_height=crop_height, crop_width=crop_width)


def similarity_of_boxes(
    pictures: Pictures, boxes: PoseBoxes, embed: Embed, *, crop_height: int, crop_width: int
) -> ReidSimilarity:
    """Cosine of the embeddings of boxes in the pictures that `pictures` gives."""
    parts = list(_embedded(pictures, boxes, embed, (crop_width, crop_height)))
    if not parts:
        return ReidSimilarity(np.zeros(0, dtype=np.int64), np.zeros((0, 0)))
    return ReidSimilarity(np.concatenate([ids for ids, _ in parts]), np.concatenate([values for _, values in parts]))


@torch.inference_mode()
def _embedded(
    pictures: Pictures, of_poses: PoseBoxes, embed: Embed, size: tuple[int, int]
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Pose ids and embeddings in batches of one frame each, so that other frames change no value."""
    frames, pose_ids, boxes = of_poses
    crop_width, crop_height = size
    for index, picture in pictures(sorted(set(frames.tolist()))):
        rows = np.flatnonzero(frames == index)
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            crops = [
                stretched_crop(picture, box, crop_width=crop_width, crop_height=crop_height) for box in boxes[batch]
            ]
            images = image_tensor(np.stack(crops), device=device())
            yield pose_ids[batch], embed(images).double().cpu().numpy()


def _boxes(video: EvaluationVideo) -> PoseBoxes:
    columns = ["frame_index", "pose_id", "box_xywh", "box_source"]
    tables = (
        read_table(table, table.path(video.tables, video.video_id), columns) for table in (POSES, RECOVERED_POSES)
    )
    poses = pa.concat_tables(tables).filter(pc.field("box_source") == video.box_source)
    frames, pose_ids = (np.asarray(poses[name].to_numpy(), dtype=np.int64) for name in columns[:2])
    return frames, pose_ids, list_array(poses, "box_xywh")
