"""A scripted video: a textured wall that moves to the right by a known number of pixels per frame, and points on it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.weight_files import save_weights
from tasks.code_files import REPOSITORY
from tasks.formats.posetrack_conversion import CATEGORY
from tasks.params.loading import load_params
from tasks.params.recover import RecoverParams

WIDTH, HEIGHT = 160, 128
FOLDER = "000001_mpii_wall"
_COARSE = cv2.resize(
    np.random.default_rng(11).uniform(0, 200, (8, 38, 3)), (600, HEIGHT), interpolation=cv2.INTER_CUBIC
)
_WALL = np.clip(_COARSE + np.random.default_rng(12).uniform(0, 55, (HEIGHT, 600, 3)), 0, 255).astype(np.uint8)


@dataclass
class Scene:
    """A video and its annotation as dictionaries, which a test may change before it writes them."""

    root: Path
    speed_px: int
    count: int
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The pictures."""
        return self.root / "images" / "val" / FOLDER

    @property
    def annotations(self) -> Path:
        """The annotation's file."""
        return self.root / "wall.json"

    def write(self) -> "Scene":
        """Write the annotation as it is now."""
        self.annotations.write_text(json.dumps(self.document))
        return self

    def person(self, frame: int, track: int = 1) -> dict[str, Any]:
        """The record of a person."""
        return next(
            entry
            for entry in self.document["annotations"]
            if entry["image_id"] == frame + 1 and entry["track_id"] == track
        )


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    def make(*, speed_px: int = 4, count: int = 6) -> Scene:
        made = Scene(tmp_path, speed_px, count)
        made.folder.mkdir(parents=True)
        for index in range(count):
            x = 300 - speed_px * index
            cv2.imwrite(str(made.folder / f"{index:06d}.png"), _WALL[:, x : x + WIDTH])
        made.document = _document(speed_px, count)
        return made.write()

    return make


def _document(speed_px: int, count: int) -> dict[str, Any]:
    """One person of 15 keypoints whose head box is 30 x 40 px: the reach is 0.5 * 0.6 * 50 = 15 px."""
    draw = np.random.default_rng(2)
    start = np.column_stack([draw.uniform(40, 70, 17), draw.uniform(40, 90, 17)])
    images, persons = [], []
    for index in range(count):
        name = f"images/val/{FOLDER}/{index:06d}.png"
        images.append({"id": index + 1, "frame_id": index + 1, "file_name": name, "vid_id": "000001"})
        keypoints = np.column_stack([start + np.array([speed_px * index, 0]), np.ones(17)])
        keypoints[3:5] = 0
        person = {"id": 100 + index, "image_id": index + 1, "track_id": 1, "category_id": 1}
        head = [50.0 + speed_px * index, 30.0, 30.0, 40.0]
        persons.append(person | {"keypoints": keypoints.ravel().tolist(), "bbox_head": head})
    return {"images": images, "annotations": persons, "categories": [CATEGORY]}


@pytest.fixture(scope="session")
def recover_params() -> RecoverParams:
    return load_params(REPOSITORY / "params.yaml").recover.model_copy(update={"frame_size_px": WIDTH})


@pytest.fixture
def network() -> CorrespondenceNetwork:
    """A real network of a sixteenth of the width, as it is initialised."""
    torch.manual_seed(3)
    return CorrespondenceNetwork(SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625)).eval()


@pytest.fixture
def weights(tmp_path: Path, network: CorrespondenceNetwork) -> Path:
    """A folder with both networks' weights."""
    folder = tmp_path / "weights"
    save_weights(
        folder / "correspondence.safetensors",
        network,
        kind="correspondence",
        architecture=network.architecture,
        params={},
    )
    siamese = network.siamese
    trained = {"norm": "l2", "cells": "floor"}
    save_weights(
        folder / "siamese.safetensors", siamese, kind="siamese", architecture=siamese.architecture, params=trained
    )
    return folder
