"""The whole chain on real samples, where CORRTRACK_REAL_DATA names their folder. Nothing is claimed about quality."""

import json
import shutil

import pandas as pd
import pytest

from tasks.provenance import read_provenance
from tasks.stages import STAGES
from tasks.workspace import Workspace

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(3600)]


def test_coco_and_posetrack_samples_run_through_all_stages(real_data, tmp_path, small, run_stages):
    workspace = Workspace.of_repository(tmp_path)
    shutil.copytree(real_data / "coco_2017", workspace.data / "coco_2017")
    shutil.copytree(real_data / "posetrack18_samples", workspace.data / "posetrack")
    run_stages(workspace, small, STAGES)
    images = pd.read_parquet(workspace.tables / "images.parquet")
    assert (images["split"] == "train").sum() == 103
    by_stage = [read_provenance(workspace, stage)["notices"] for stage in STAGES]
    assert any("no PoseTrack training persons" in notice for notices in by_stage for notice in notices)
    assert "tracking" in json.loads((workspace.reports / "metrics.json").read_text())
    assert (workspace.reports / "index.html").is_file()


def test_pedestrians_are_tracked_through_all_frames(real_data, corrtrack, tmp_path, untrained_weights):
    folder, out = real_data / "pets09_s2l1", tmp_path / "out"
    [video] = folder.glob("*.mp4")
    code, text = corrtrack(
        *("reprocess", video, "--out", out, "--weights", untrained_weights, "--detections", folder / "det.txt"),
        # Untrained networks end every track at once: merging would propagate each of 4,359 poses to twelve frames.
        *("--set", "merge.max_gap_frames=1"),
    )
    assert code in (0, 3), text
    frames = pd.read_parquet(out / "artifacts/tables/frames.parquet")
    assert len(frames) == 795
    poses = pd.read_parquet(out / f"artifacts/tables/poses/{video.stem}.parquet")
    boxes = pd.read_parquet(out / f"artifacts/tables/detections/{video.stem}.parquet")
    used = boxes[boxes["drop_reason"].isna()]
    assert len(poses) == len(used)
    assert poses["frame_index"].nunique() == used["frame_index"].nunique()
    assert (out / "reports/index.html").is_file()
