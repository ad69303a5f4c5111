"""Embeddings of the poses of one video and box source."""

import numpy as np
import torch

from models.poses.frame_poses import FramePoses
from tasks.inference.videos import Video
from tasks.tables import write_table
from tasks.tables.schemas import POSES, RECOVERED_POSES
from tasks.tracker_evaluation.reidentification import reid_similarity
from tasks.tracker_evaluation.videos import EvaluationVideo


def test_a_video_without_boxes_of_a_source_has_no_similarities(tmp_path):
    for table in (POSES, RECOVERED_POSES):
        write_table(table, [], table.path(tmp_path, "a"))
    video = EvaluationVideo(
        Video({"video_id": "a", "media": "a", "frame_count": 3}, [{"frame_index": 0, "path": "a/0.png"}]),
        "annotated",
        None,
        np.arange(3),
        tmp_path,
        tmp_path,
    )
    similarity = reid_similarity(video, lambda crops: torch.zeros(len(crops), 8), crop_height=64, crop_width=32)
    nobody = np.zeros(0, dtype=np.int64)
    assert similarity(nobody, FramePoses(0, nobody, np.zeros((0, 17, 2)), np.zeros((0, 17)))).shape == (0, 0)
