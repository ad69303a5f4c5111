"""Poses of another program, from their file to merged tracks."""

import json

import pytest

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from tasks.errors import InputError
from tasks.index import run as index
from tasks.inference.box_sources import require_boxes
from tasks.inference.usable_poses import require_usable_poses
from tasks.params.rules import broken_rules
from tasks.progress import Progress, as_current

MISSED = 9


def person(frame, *, left=0.0, score=0.9):
    """A standing person who moves two pixels a frame."""
    points = [(left + 2 * frame + 1 + number % 3 * 4, 10 + 2 * number, 0.8) for number in range(len(COCO_KEYPOINTS))]
    flat = [value for point in points for value in point]
    return {"frame_index": frame, "keypoints": flat, "score": score}


@pytest.fixture
def of_files(params, change):
    return change(
        params,
        detect={"source": "poses", "box_sources": ["detected"]},
        estimate={"source": "file", "nms_oks": 0.95},
    )


@pytest.fixture
def indexed(corpus, of_files, video_file):
    """A video of 20 frames, with the persons written to its file of poses."""

    def write(persons):
        workspace = corpus.workspace
        video_file(workspace.data / "videos/walk.mp4", 20)
        (workspace.data / "poses").mkdir()
        (workspace.data / "poses/walk.json").write_text(json.dumps(persons))
        with as_current(Progress(None, "index")):
            index(workspace, of_files)
        return corpus

    return write


def test_poses_of_a_file_are_kept_as_they_are_recovered_and_tracked(indexed, of_files):
    corpus = indexed([person(frame) for frame in range(20) if frame != MISSED])
    require_boxes(corpus.workspace, of_files)
    require_usable_poses(corpus.workspace, of_files)
    corpus.run(of_files, "detect", "estimate", "recover", "track", "merge")
    poses = corpus.table("poses", "walk", drop_reason=None)
    assert {row["frame_index"] for row in poses} == set(range(20)) - {MISSED}
    nose = POSETRACK_KEYPOINTS.index("nose")
    assert [(row["x"][nose], row["y"][nose]) for row in poses] == [
        (2 * row["frame_index"] + 1, 10) for row in sorted(poses, key=lambda row: row["frame_index"])
    ]
    assert corpus.table("recovered_poses", "walk")
    assert {row["frame_index"] for row in corpus.table("merged_tracks", "walk")} >= set(range(20)) - {MISSED}


@pytest.mark.parametrize(
    "content", ["", "hello", "{}", '{"instance_info": []}', '[{"frame_index": 0, "keypoints": [1, 2]}]']
)
def test_poses_of_which_none_can_be_used_end_the_run(indexed, of_files, content):
    workspace = indexed([]).workspace
    (workspace.data / "poses/walk.json").write_text(content)
    with as_current(Progress(None, "index")):
        index(workspace, of_files)
    with pytest.raises(InputError, match=r"no pose can be used, so there is nothing to track; poses/walk\.json: "):
        require_usable_poses(workspace, of_files)


def test_without_a_pose_network_recovered_poses_keep_the_propagated_keypoints(indexed, of_files):
    corpus = indexed([person(frame) for frame in range(20) if frame != MISSED])
    corpus.workspace.weights("pose").unlink()
    corpus.run(of_files, "detect", "estimate")
    progress = corpus.run(of_files, "recover")
    assert progress.notices == ["no pose network: recovered poses keep the keypoints that correspondences propagated"]
    correspondences = {
        (row["source_pose_id"], row["target_frame_index"]): row for row in corpus.table("correspondences", "walk")
    }
    recovered = corpus.table("recovered_poses", "walk")
    assert recovered
    for row in recovered:
        peak = correspondences[row["source_pose_id"], row["frame_index"]]
        assert row["x"] == pytest.approx(peak["refined_x"])
        assert {round(score, 5) for score in row["score"]} <= {0.0, 0.8}


def test_poses_below_the_threshold_are_dropped_and_a_video_of_none_is_rejected(indexed, of_files, change):
    corpus = indexed([person(0), person(1, score=0.2), person(2)])
    strict = change(of_files, detect={"source": "poses", "box_sources": ["detected"], "pose_score_threshold": 0.5})
    corpus.run(strict, "detect", "estimate")
    assert [row["drop_reason"] for row in corpus.table("detections", "walk")] == [None, "low_score", None]
    assert [row["frame_index"] for row in corpus.table("poses", "walk")] == [0, 2]
    stricter = change(strict, detect={"pose_score_threshold": 0.95})
    [reject] = corpus.run(stricter, "detect").rejects
    assert reject["reason"].startswith(
        "all 3 detected boxes are dropped: 3 low score; detect.pose_score_threshold is 0.95, the highest score 0.9"
    )


def test_a_video_without_poses_is_rejected(indexed, of_files):
    corpus = indexed([person(77)])
    [reject] = corpus.run(of_files, "detect").rejects
    assert reject["reason"] == "expected poses from files, got none of its frames; the video gets no tracks"


def test_poses_of_files_want_their_own_boxes_alone(of_files, change):
    assert list(broken_rules(of_files)) == []
    for detect in ({"source": "file"}, {"box_sources": ["detected", "annotated"]}):
        [(key, _, _)] = broken_rules(change(of_files, detect=detect))
        assert key == "detect.source"
