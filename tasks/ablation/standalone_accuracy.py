"""Standalone accuracy of the methods of Table 2, which shows that no baseline is needlessly weak."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from models.arrays import BoolArray, Float32Array, FloatArray
from models.networks.correspondence import load_correspondence
from models.networks.inference import device
from tasks.formats.kitti_flow import read_flow_png
from tasks.inference.networks import loaded
from tasks.tables import read_table
from tasks.tables.schemas import PERSONS
from tasks.tracker_evaluation.optical_flow import DenseFlow, flow_of
from tasks.tracker_evaluation.reidentification import embedder
from tasks.tracker_evaluation.videos import EvaluationVideo
from tasks.training.job import sample_generator
from tasks.training.pair_accuracy import measure_pairs, refinement_maps
from tasks.training.pair_data import PairData
from tasks.training.persons import read_persons
from tasks.training.reid_data import ReidData
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


Row = dict[str, Any]
_CROPS: Final = 512
"""Person crops that re-identification is measured on, evenly spread over the held-out persons."""
_CROPS_AT_ONCE: Final = 32
_PAIRS: Final = 64
"""Pairs of pictures that correspondences are measured on."""
_CELLS_WITHIN_2: Final = 13
"""Cells within 2 cells of a cell, itself included."""


def standalone_accuracy(
    workspace: Workspace, params: "Params", videos: Sequence[EvaluationVideo]
) -> tuple[list[Row], list[str]]:
    """Measure each method on held-out data.

    Returns:
        Rows {"method", "measure", "value", "chance level", "measured on"}, and a sentence for each method that cannot
        be measured. The chance level is that of a random gallery crop, a flow of zero, a random cell.
    """
    measured = {
        "optical flow: the corpus has no true flow (posetrack/flow)": _flow(workspace, params, videos),
        "re-ID: there is no network, or no held-out identity": _reid(workspace, params),
        "the correspondences: there are no held-out COCO persons": _correspondences(workspace, params),
    }
    notes = [f"No standalone accuracy of {reason}." for reason, rows in measured.items() if not rows]
    return [row for rows in measured.values() for row in rows], notes


def _row(method: str, measure: str, *, value: float, chance: float, over: str) -> Row:
    return {
        "method": method,
        "measure": measure,
        "value": round(value, 4),
        "chance level": round(chance, 4),
        "measured on": over,
    }


def _flow(workspace: Workspace, params: "Params", videos: Sequence[EvaluationVideo]) -> list[Row]:
    """End-point errors against the true flow beside the corpus, over all pixels and over those in person boxes."""
    flow, pairs = flow_of(params.ablate), 0
    errors: dict[str, list[tuple[FloatArray, FloatArray]]] = {"all pixels": [], "in person boxes": []}
    boxes = _person_boxes(workspace)
    for video in videos:
        for path in sorted((workspace.data / "posetrack" / "flow").glob(f"*/{video.video_id}/*.png")):
            pairs += 1
            true, valid = read_flow_png(path)
            error = np.linalg.norm(_predicted_flow(video, int(path.stem), flow) - true, axis=-1)
            moved = np.linalg.norm(true, axis=-1)
            in_boxes = valid & _inside(boxes.get((video.video_id, int(path.stem)), []), valid.shape)
            for name, mask in (("all pixels", valid), ("in person boxes", in_boxes)):
                errors[name].append((error[mask], moved[mask]))
    return [
        _row(
            "Optical flow",
            f"mean end-point error, px, {name}",
            value=float(np.concatenate([error for error, _ in parts]).mean()),
            chance=float(np.concatenate([moved for _, moved in parts]).mean()),
            over=f"{pairs} pairs of frames",
        )
        for name, parts in errors.items()
        if any(error.size for error, _ in parts)
    ]


def _predicted_flow(video: EvaluationVideo, frame: int, flow: DenseFlow) -> Float32Array:
    (_, source), (_, target) = video.pictures([frame, frame + 1])
    return flow(source, target)


def _person_boxes(workspace: Workspace) -> dict[tuple[str, int], list[FloatArray]]:
    """Annotated boxes by video and frame."""
    rows = read_table(PERSONS, PERSONS.path(workspace.tables), ["video_id", "frame_index", "box_xywh"]).to_pylist()
    boxes: dict[tuple[str, int], list[FloatArray]] = {}
    for row in rows:
        boxes.setdefault((row["video_id"], row["frame_index"]), []).append(np.array(row["box_xywh"]))
    return boxes


def _inside(boxes_xywh: Sequence[FloatArray], shape: tuple[int, ...]) -> BoolArray:
    mask = np.zeros(shape, dtype=bool)
    for box in boxes_xywh:
        left, top, right, bottom = np.round([box[0], box[1], box[0] + box[2], box[1] + box[3]]).astype(int).clip(0)
        mask[top:bottom, left:right] = True
    return mask


@torch.inference_mode()
def _reid(workspace: Workspace, params: "Params") -> list[Row]:
    """Rank-1 accuracy of the embedder of table 2, among held-out persons of the same video."""
    embed, persons = embedder(params, workspace.weights("reid")), read_persons(workspace.tables, "posetrack", "val")
    persons = persons.chosen(persons.identity >= 0)
    if embed is None or not len(persons):
        return []
    data = ReidData(workspace.data, persons, params.train_reid)
    samples = data.spread_samples(_CROPS)
    parts = [samples[start : start + _CROPS_AT_ONCE] for start in range(0, len(samples), _CROPS_AT_ONCE)]
    embeddings = torch.cat([embed(data.plain_batch(part).to(device())).float().cpu() for part in parts])
    value, chance = data.rank_1(samples, embeddings.numpy()), data.rank_1_by_chance(samples)
    over = f"{len(samples)} crops of {len(np.unique(data.identity[samples]))} unseen identities"
    return [] if np.isnan(value) else [_row("Re-ID", "rank-1, share", value=value, chance=chance, over=over)]


@torch.inference_mode()
def _correspondences(workspace: Workspace, params: "Params") -> list[Row]:
    """Share of warped held-out keypoints whose peak is within reach, of the maps S and C of the network in use."""
    persons, section = read_persons(workspace.tables, "coco", "val"), params.train_refinement
    if not len(persons):
        return []
    metrics = measure_pairs(
        loaded(load_correspondence, workspace.weights("correspondence")).eval().to(device()),
        PairData(workspace.data, persons, "coco", section),
        refinement_maps,
        count=_PAIRS,
        batch_size=section.micro_batch_size,
        generator=partial(sample_generator, params.run.seed, "train_refinement", -1),
    )
    chance = _CELLS_WITHIN_2 / (section.size_px / 4) ** 2
    return list(_pair_rows(metrics, chance))


def _pair_rows(metrics: dict[str, float], chance: float) -> Iterator[Row]:
    for letter, kind in (("S", "siamese"), ("C", "refined")):
        yield _row(
            f"Correspondences, maps {letter}",
            "keypoints found within 2 cells (8 px), share",
            value=metrics[f"pck_{kind}"],
            chance=chance,
            over=f"{_PAIRS} warped held-out pictures",
        )
