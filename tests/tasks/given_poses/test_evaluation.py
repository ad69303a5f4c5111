"""All methods on given poses: scripted scenes with written answers."""

import json

import numpy as np
import pyarrow as pa
import pytest

from tasks.errors import InputError
from tasks.frames import VideoFrames
from tasks.given_poses.evaluation import EvaluationRequest, evaluate_tracking, strides_of
from tasks.given_poses.networks import load_networks
from tasks.given_poses.poses import read_given_poses
from tasks.given_poses.truth import read_truth
from tasks.given_poses.video import GivenVideo, SeenFrames
from tasks.inference.evidence import read_evidence
from tasks.inference.video_recovery import VideoRecovery
from tasks.inference.videos import Video
from tasks.tables import write_blocks
from tasks.tables.arrays import table_of
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, POSES, RECOVERED_POSES
from tasks.tracker_evaluation.optical_flow import dis_flow

ALL = ["OKS", "Optical flow", "Equation 6", "Propagated OKS"]


@pytest.fixture
def evaluate(params):
    def run(poses, annotations, *, video=None, weights=None, strides=(1,)):
        request = EvaluationRequest(poses, annotations, video, weights, weights, strides)
        return evaluate_tracking(request, params)

    return run


def of(answer, method, stride=1):
    return next(row for row in answer.rows if (row["method"], row["stride"]) == (method, stride))


def test_persons_who_stand_apart_are_tracked_without_fault(scene, evaluate):
    made = scene()
    answer = evaluate(made.write_poses(), made.write_boxes(), strides=(1, 2))
    assert [(row["stride"], row["frames"], row["poses"], row["annotated boxes"]) for row in answer.of_file] == [
        (1, 8, 16, 16),
        (2, 4, 8, 8),
    ]
    for row in answer.rows:
        assert (row["IDSW"], row["IDF1"], row["MOTA"], row["tracks"]) == (0, 100.0, 100.0, 2)


def test_persons_who_swap_positions_switch_in_each_frame_and_not_at_every_second(scene, evaluate):
    made = scene(swapping=True)
    answer = evaluate(made.write_poses(), made.write_boxes(), strides=(1, 2))
    assert of(answer, "OKS")["IDSW"] == 2 * 7
    assert of(answer, "OKS", stride=2)["IDSW"] == 0


def test_a_track_shorter_than_the_params_ask_for_does_not_count(scene, evaluate):
    made = scene()
    answer = evaluate(made.write_poses(), made.write_boxes(), strides=(4,))  # two frames are seen
    row = of(answer, "OKS", stride=4)
    assert (row["tracks"], row["MOTA"], row["misses"]) == (0, 0.0, 4)


def test_keypoints_are_scored_as_poseval_does_and_map_is_that_of_the_poses(scene, evaluate):
    made = scene(swapping=True)
    answer = evaluate(made.write_poses(), made.write_keypoints(), strides=(1, 2))
    for row in answer.of_file:  # head_bottom and head_top follow from other keypoints; the other 13 are exact
        assert 13 / 15 * 100 - 0.1 <= row["mAP"] <= 100
    # the last annotated frame is not tracked by the protocol, so that 6 of 7 changes count, for 13 or more joints
    assert of(answer, "OKS")["IDSW"] >= 2 * 6 * 13
    assert of(answer, "OKS", stride=2)["IDSW"] == 0
    assert of(answer, "OKS", stride=2)["MOTA"] > of(answer, "OKS")["MOTA"]


def test_frames_without_annotation_are_tracked_and_not_scored(scene, evaluate, weights):
    made = scene()
    truth = made.write_keypoints([0, 3, 6])
    answer = evaluate(made.write_poses(), truth, video=made.write_video(), weights=weights)
    assert [(row["frames"], row["poses"]) for row in answer.of_file] == [(8, 16)]
    assert of(answer, "OKS")["tracked poses"] == 16
    assert of(answer, "OKS")["IDSW"] == 0
    assert "5 of 8 frames are not annotated, and not scored" in answer.notices


def test_a_stride_that_meets_no_annotated_frame_has_no_metric(scene, evaluate, weights):
    made = scene()
    truth = made.write_keypoints([1, 3, 5])
    answer = evaluate(made.write_poses(), truth, video=made.write_video(), weights=weights, strides=(1, 2))
    derived = 2  # head_bottom and head_top follow from other keypoints and are beside the annotated ones
    assert of(answer, "OKS")["MOTA"] == round(100 * (15 - 2 * derived) / 15, 2)
    assert of(answer, "OKS", stride=2)["MOTA"] is None


def test_with_pictures_every_method_that_has_its_network_is_measured(scene, evaluate, weights, params):
    made = scene()
    answer = evaluate(made.write_poses(), made.write_boxes(), video=made.write_video(), weights=weights, strides=(1, 2))
    assert [(row["stride"], row["method"]) for row in answer.rows] == [(s, name) for s in (1, 2) for name in ALL]
    assert any("Re-ID is left out" in notice for notice in answer.notices)
    assert of(answer, "OKS")["IDSW"] == of(answer, "Optical flow")["IDSW"] == 0
    assert answer.thresholds["track.tau_corr"] == params.track.tau_corr


def test_without_refinement_correspondences_are_those_of_the_siamese_network(scene, evaluate, weights, params):
    made = scene()
    from models.networks.correspondence import load_correspondence
    from models.weight_files import save_weights

    siamese = load_correspondence(weights / "correspondence.safetensors").siamese
    trained = {"norm": "l2", "cells": "floor"}
    path = weights.parent / "siamese" / "siamese.safetensors"
    save_weights(path, siamese, kind="siamese", architecture=siamese.architecture, params=trained)
    answer = evaluate(made.write_poses(), made.write_boxes(), video=made.write_video(), weights=path.parent)
    assert "track.tau_corr_siamese" in answer.thresholds
    assert any("those of S" in notice for notice in answer.notices)


def test_evidence_equals_what_the_stage_recover_writes_for_the_same_poses(scene, weights, params, tmp_path):
    made = scene(count=4, speed_px=3.0)
    folder = made.write_video()
    recover = params.recover.model_copy(update={"max_gap_frames": 2, "corr_threshold": 1.0})  # nothing is recovered
    frames = [
        {"frame_index": index, "image_id": index + 1, "path": f"img1/{index + 1:06d}.png", "is_labelled": False}
        for index in range(4)
    ]
    video = Video({"video_id": "a", "media": "img1", "frame_count": 4, "width": 160, "height": 96}, frames)
    _, clip = read_truth(made.write_boxes(), folder, output_threshold=0.3)
    of_file = read_given_poses(made.write_poses(), clip).poses
    rows = _pose_rows(of_file)
    tables = {POSES.name: [rows]}
    network = {"correspondence": weights / "correspondence.safetensors"}
    tables |= VideoRecovery(network, estimate=params.estimate, recover=recover).recover(video, rows, data=tmp_path)
    for table in (POSES, RECOVERED_POSES, AFFINITIES, CORRESPONDENCES):
        write_blocks(table, tables[table.name], table.path(tmp_path / "tables", "a"))
    expected = read_evidence(tmp_path / "tables", video, "detected")
    assert not expected.recovered
    changed = params.model_copy(update={"recover": recover})
    seen = SeenFrames(VideoFrames(tmp_path, video.row, frames), load_networks(weights, changed).maps, dis_flow)
    got = GivenVideo(of_file, range(4), seen, reach=2).evidence
    for source, target in ((0, 1), (0, 2), (1, 3)):
        ids, poses = got.poses.frames[source].pose_id, got.poses.frames[target]
        for kind in ("refined", "siamese"):
            block = got.affinities[kind].block(ids, poses)
            assert block.any()
            np.testing.assert_allclose(block, expected.affinities[kind].block(ids, poses), rtol=1e-5)
            for mine, theirs in zip(
                got.propagated[kind].at(ids, target), expected.propagated[kind].at(ids, target), strict=True
            ):
                np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-4)


def _pose_rows(poses) -> pa.Table:
    count = len(poses)
    columns = {"video_id": ["a"] * count, "box_source": ["detected"] * count, "frame_index": poses.frame}
    columns |= {"pose_id": np.arange(count), "detection_id": np.arange(count), "origin": ["detected"] * count}
    columns |= {"box_xywh": poses.box_xywh, "x": poses.xy[..., 0], "y": poses.xy[..., 1], "score": poses.score}
    columns |= {"pose_score": poses.score.mean(axis=1), "drop_reason": [None] * count, "duplicate_of": [None] * count}
    return table_of(POSES, columns)


def test_boxes_are_the_files_own_where_it_has_them(scene, evaluate):
    made = scene()
    around = evaluate(made.write_poses(), made.write_boxes())
    of_file = evaluate(made.write_poses(bbox=[0, 0, 3, 3]), made.write_boxes())
    assert of(around, "OKS")["misses"] == 0
    assert of(of_file, "OKS")["misses"] == 16
    assert "their boxes are the file's" in of_file.notices[0]
    broken = evaluate(made.write_poses(bbox=[0, 0, -1, 3]), made.write_boxes())
    assert of(broken, "OKS")["misses"] == 0


def test_frames_after_the_last_pose_are_left_out_with_a_word(scene, evaluate):
    short, long = scene(count=5), scene(count=8)
    boxes = long.write_boxes()
    answer = evaluate(short.write_poses(), boxes)
    assert (answer.frames, answer.of_file[0]["annotated boxes"]) == (5, 10)
    assert "frames 5 to 7 are left out: the poses end before" in answer.notices


def test_poses_of_other_frames_are_rejected(scene, evaluate):
    made = scene(count=8)
    poses = made.write_poses()
    answer = evaluate(poses, scene(count=6).write_boxes())
    assert answer.rejects == ["poses.json: 4 of 16 poses are of no frame"]


def test_a_pose_without_a_keypoint_is_rejected_for_that(scene, evaluate):
    made = scene()
    poses = made.write_poses()
    persons = json.loads(poses.read_text())
    persons[3]["keypoints"] = [0] * 51
    poses.write_text(json.dumps(persons))
    assert evaluate(poses, made.write_boxes()).rejects == ["poses.json: 1 of 16 poses have no keypoint"]


def test_frames_without_a_box_are_named_since_nobody_is_there(scene, evaluate):
    made = scene()
    boxes = made.write_boxes()
    rows = [row for row in boxes.read_text().splitlines() if not row.startswith(("3,", "4,"))]
    boxes.with_suffix(".csv").write_text("\n".join(rows))
    answer = evaluate(made.write_poses(), boxes.with_suffix(".csv"))
    assert of(answer, "OKS")["false positives"] == 4
    assert any(notice.startswith("2 of 8 frames have no annotated box") for notice in answer.notices)


def test_weights_without_the_video_are_refused(scene, evaluate, weights):
    made = scene()
    with pytest.raises(InputError, match=r"--weights .*expected --video too"):
        evaluate(made.write_poses(), made.write_boxes(), weights=weights)


def test_strides_are_whole_numbers_in_order():
    assert strides_of("8, 1,2,1") == [1, 2, 8]
    with pytest.raises(InputError, match=r"--stride: expected whole numbers from 1 .* got '0'"):
        strides_of("0")
