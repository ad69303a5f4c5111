"""profiles/released.yaml from released-style checkpoints to tracks: their shapes and names, random numbers in them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from models.networks.correspondence import load_correspondence
from models.networks.pose import load_released_pose
from models.poses.estimation import PoseEstimator
from models.poses.frame_poses import EstimatedPoses
from tasks.demo_corpus.corpus import synthesise
from tasks.determinism import make_deterministic
from tasks.frames import VideoFile, read_picture
from tasks.params.edit import set_value
from tasks.params.loading import load_params
from tasks.params.profiles import profile_text

ROOT = Path(__file__).parents[2]
MACHINE = {"compute.executor": "local", "run.threads_per_worker": "1"}
"""What may differ from machine to machine; all that decides the method stays."""
PLAYERS = [(355.0, 270.0, 215.0, 310.0), (600.0, 255.0, 250.0, 270.0)]
"""Two persons of the real clip, whose frames differ little."""

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Clip:
    """A short video, and boxes x, y, width, height that fit its persons in every frame."""

    path: Path
    frames: int
    boxes: list[tuple[float, ...]]

    @property
    def mot(self) -> str:
        """The boxes in MOT form, which counts frames and pixels from 1."""
        rows = ((frame + 1, x + 1, y + 1, w, h) for frame in range(self.frames) for x, y, w, h in self.boxes)
        return "".join(f"{frame},-1,{x},{y},{w},{h},0.9\n" for frame, x, y, w, h in rows)


@dataclass(frozen=True)
class Released:
    """Checkpoints as they are downloaded, and what `import-weights` made of them."""

    pose: Path
    imported: Path


@pytest.fixture(scope="module")
def released(tmp_path_factory, released_state) -> Iterator[Released]:
    folder = tmp_path_factory.mktemp("released")
    for kind in ("pose", "correspondence"):
        file = folder / f"{kind}_model.pth"
        torch.save({"epoch": 5, "state_dict": {f"module.{key}": t for key, t in released_state(kind).items()}}, file)
        command = [sys.executable, "-m", "flows", "import-weights", file, "--kind", kind, "--out", folder / "imported"]
        subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    yield Released(folder / "pose_model.pth", folder / "imported")
    shutil.rmtree(folder)  # 800 MB


@pytest.fixture(params=["synthetic", "real"])
def clip(request) -> Clip:
    return request.getfixturevalue(f"{request.param}_clip")


@pytest.fixture
def real_clip(real_data) -> Clip:
    [path] = real_data.glob("posetrack18_samples/videos/*/*.mp4")
    return Clip(path, 5, PLAYERS)


@pytest.fixture
def synthetic_clip(small, tmp_path) -> Clip:
    few = {"coco_train_images": 1, "coco_val_images": 1, "train_videos": 1, "val_videos": 1, "frames_per_video": 2}
    synthesise(tmp_path / "demo", small.index.demo_corpus.model_copy(update=few), seed=1)
    [file] = (tmp_path / "demo/posetrack/annotations/val").glob("*.json")
    annotation = json.loads(file.read_text())
    picture = tmp_path / "demo/posetrack" / annotation["images"][0]["file_name"]
    return Clip(picture.parent, 2, [person["bbox"] for person in annotation["annotations"][:1]])


@pytest.fixture
def out(tmp_path) -> Iterator[Path]:
    yield tmp_path / "out"
    shutil.rmtree(tmp_path / "out", ignore_errors=True)


def test_a_clip_is_tracked_by_released_weights(clip, released, out, checkout, corrtrack, tmp_path):
    write_profile(checkout / "params.yaml")
    (tmp_path / "boxes.txt").write_text(clip.mot)
    code, printed = corrtrack(
        *("reprocess", clip.path, "--out", out, "--weights", released.imported),
        *("--detections", tmp_path / "boxes.txt"),
    )
    assert code == 3, printed
    assert "expected tracks, got none" in printed, "weights of random numbers estimate poses, but link none"
    assert (out / "reports/index.html").is_file()

    frames = pd.read_parquet(out / "artifacts/tables/frames.parquet")
    assert list(frames["frame_index"]) == list(range(clip.frames))

    poses = rows(out, "poses", clip)
    assert list(poses["frame_index"]) == [frame for frame in range(clip.frames) for _ in clip.boxes]
    np.testing.assert_allclose(np.stack(poses["box_xywh"]), clip.boxes * clip.frames, atol=0.001)
    first = poses_by(released, clip, checkout)
    for name, expected in (("x", first.xy[..., 0]), ("y", first.xy[..., 1]), ("score", first.score)):
        tracked = np.stack(poses[name])[: len(clip.boxes)]
        np.testing.assert_allclose(tracked, expected, atol=0.01, err_msg=f"{name} by the released file itself")

    propagated = rows(out, "correspondences", clip)
    used = poses[poses["drop_reason"].isna() & (poses["frame_index"] < clip.frames - 1)]
    assert set(used["pose_id"]) <= set(propagated["source_pose_id"])
    values = np.stack([np.stack(propagated[name]) for name in propagated if name.startswith(("refined_", "siamese_"))])
    assert values.shape == (6, len(propagated), 17)
    assert np.isfinite(values).all()

    asked = json.loads((out / "artifacts/request.json").read_text())["weights"]
    for kind in ("pose", "correspondence"):
        file = out / f"artifacts/models/{kind}.safetensors"
        assert asked[kind]["sha256"] == digest(file) == digest(released.imported / file.name)
    network = load_correspondence(out / "artifacts/models/correspondence.safetensors")
    assert (network.norm, network.cells) == ("squared", "released")


def write_profile(path: Path) -> None:
    text = profile_text(ROOT / "profiles", "released")
    for key, value in MACHINE.items():
        text = set_value(text, key, value)
    path.write_text(text)


def rows(out: Path, table: str, clip: Clip) -> pd.DataFrame:
    [file] = (out / "artifacts/tables" / table).iterdir()
    assert file.stem == clip.path.stem
    return pd.read_parquet(file)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def poses_by(released: Released, clip: Clip, checkout: Path) -> EstimatedPoses:
    """Poses of the first frame by the network of the released file, which no file of ours has been made of."""
    make_deterministic(1, 1)
    estimator = PoseEstimator(load_released_pose(released.pose), load_params(checkout / "params.yaml").estimate)
    is_folder = clip.path.is_dir()
    picture = read_picture(min(clip.path.iterdir())) if is_folder else VideoFile(clip.path, clip.frames).frame(0)
    return estimator.estimate(estimator.crop(picture, box) for box in clip.boxes)
