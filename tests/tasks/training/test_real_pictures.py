"""Training on the 103 real COCO pictures lowers the validation loss on the 88 held-out ones."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks import index, pretrain, train_siamese
from tasks.progress import Progress, as_current
from tasks.training.checkpoint import CheckpointStore
from tasks.training.loop import Training
from tasks.training.parallel import SingleProcess
from tasks.training.sources import pair_sources
from tasks.workspace import Workspace

COCO = Path(os.environ.get("CORRTRACK_REAL_DATA", "")) / "coco_2017"
pytestmark = pytest.mark.skipif(
    "CORRTRACK_REAL_DATA" not in os.environ or not COCO.is_dir(),
    reason="CORRTRACK_REAL_DATA names no folder with coco_2017/",
)
SIDE = 96


@pytest.fixture(scope="module")
def real_workspace(tmp_path_factory):
    workspace = Workspace.of_repository(tmp_path_factory.mktemp("real"))
    workspace.data.mkdir()
    (workspace.data / "coco_2017").symlink_to(COCO)
    return workspace


@pytest.fixture
def indexed(real_workspace, params):
    if not real_workspace.tables.exists():
        with as_current(Progress(None, "index")):
            index.run(real_workspace, params)
    return real_workspace


def trained(module, workspace, params, monkeypatch, tmp_path):
    """The stage's job, and its network before and after training."""
    jobs = []
    monkeypatch.setattr(module, "run_job", lambda job, *_, **__: jobs.append(job))
    progress = Progress(None, "train")
    with as_current(progress):
        module.run(workspace, params)
        torch.manual_seed(jobs[0].seed)
        before = jobs[0].build().eval()
        store = CheckpointStore(tmp_path, progress.notice)
        after = Training(jobs[0], store=store, group=SingleProcess(), device="cpu", progress=progress).run()
    return jobs[0], before, after


def test_the_pose_network(indexed, params, changed, monkeypatch, tmp_path):
    small = {"crop_height_px": SIDE, "crop_width_px": 64, "width": 0.125, "micro_batches": 1, "micro_batch_size": 16}
    shorter = changed(params, "pretrain", epochs=1, validation_samples=200, checkpoint_seconds=600.0, **small)
    job, before, after = trained(pretrain, indexed, shorter, monkeypatch, tmp_path)
    with torch.inference_mode():
        assert job.validate(after)["validation_loss"] < job.validate(before)["validation_loss"]


def test_the_siamese_network(indexed, params, changed, monkeypatch, tmp_path):
    small = {"size_px": SIDE, "fit_px_range": [96.0, 256.0], "width": 0.125, "micro_batches": 1, "micro_batch_size": 8}
    longer = changed(params, "train_siamese", epochs=2, passes_per_epoch=3, checkpoint_seconds=600.0, **small)
    job, before, after = trained(train_siamese, indexed, longer, monkeypatch, tmp_path)
    held_out = pair_sources(indexed, "coco", longer.train_siamese, "train_siamese")[1]
    assert len(held_out) == 88
    batch = held_out.batch(np.arange(88), [np.random.default_rng(number) for number in range(88)])
    with torch.inference_mode():
        guessing = math.log((SIDE // 4) ** 2)
        assert job.loss(after, batch) < min(job.loss(before, batch), guessing)
