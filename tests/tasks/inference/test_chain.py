"""From boxes to tracks on a tiny corpus with random networks: what every table holds, and on what it depends."""

import random

import numpy as np
import pytest
import ray

import tasks.shards.mapping
from tasks.code_files import code_files
from tasks.errors import InputError
from tasks.tables import TABLES


def poses_by_frame(corpus, video_id, box_source="detected"):
    """Used poses of each frame, recovered ones included."""
    frames = {}
    for name in ("poses", "recovered_poses"):
        for row in corpus.table(name, video_id, box_source=box_source, drop_reason=None):
            frames.setdefault(row["frame_index"], []).append(row["pose_id"])
    return frames


@pytest.fixture
def walked(corpus, params):
    """A video of 7 frames with a miss, all stages done."""
    corpus.video("a", 7)
    corpus.write()
    corpus.two_walkers("a", 7, missed=[(3, 1)])
    corpus.run(params)
    return corpus


def test_every_box_has_a_pose_and_every_pose_a_frame(walked):
    poses = walked.table("poses", "a")
    assert len(poses) == 13
    assert [row["pose_id"] for row in poses] == [row["detection_id"] for row in poses]
    assert {row["frame_index"] for row in poses} == set(range(7))
    assert {row["origin"] for row in poses} == {"detected"}


def test_recovered_poses_follow_the_detected_and_name_their_source(walked):
    frames = {row["pose_id"]: row["frame_index"] for row in walked.table("poses", "a")}
    recovered = walked.table("recovered_poses", "a")
    assert recovered
    assert sorted(row["pose_id"] for row in recovered) == list(range(13, 13 + len(recovered)))
    for row in recovered:
        assert row["origin"] == "recovered"
        assert row["chain_frames"] == 1
        assert row["source_frame_index"] == frames[row["source_pose_id"]] == row["frame_index"] - 1


def test_each_pose_is_propagated_to_the_next_frames_and_read_at_each_pose_there(walked):
    frames = poses_by_frame(walked, "a")
    propagated, pairs = set(), set()
    for target in range(7):
        for source in (target - 1, target - 2):
            propagated |= {(q, target) for q in frames.get(source, [])}
            pairs |= {(q, p) for q in frames.get(source, []) for p in frames[target]}
    correspondences = walked.table("correspondences", "a")
    assert {(row["source_pose_id"], row["target_frame_index"]) for row in correspondences} == propagated
    assert len(correspondences) == len(propagated)
    rows = walked.table("affinities", "a")
    assert {(row["source_pose_id"], row["target_pose_id"]) for row in rows} == pairs
    assert len(rows) == len(pairs)


def test_tracks_hold_the_poses_as_they_are(walked):
    poses = {row["pose_id"]: row for name in ("poses", "recovered_poses") for row in walked.table(name, "a")}
    tracks = walked.table("tracks", "a")
    assert {row["frame_index"] for row in tracks} == set(range(7))
    for row in tracks:
        assert {key: row[key] for key in ("x", "y", "score", "frame_index", "origin")} == {
            key: poses[row["pose_id"]][key] for key in ("x", "y", "score", "frame_index", "origin")
        }
    assert len({row["pose_id"] for row in tracks}) == len(tracks)


def test_merging_adds_no_pose(walked):
    tracks, merged = walked.table("tracks", "a"), walked.table("merged_tracks", "a")
    assert {row["pose_id"]: row["track_id"] for row in tracks} == {
        row["pose_id"]: row["source_track_id"] for row in merged
    }


def test_merging_switched_off_passes_tracks_on_without_a_network(walked, params, change):
    walked.workspace.weights("correspondence").unlink()
    walked.run(change(params, merge={"enabled": False}), "merge")
    for row in walked.table("merged_tracks", "a"):
        assert row["track_id"] == row["source_track_id"]
    assert len(walked.table("merged_tracks", "a")) == len(walked.table("tracks", "a"))


def test_annotated_poses_step_from_one_labelled_frame_to_the_next(corpus, params, annotate):
    corpus.video("a", 6, labelled=[0, 2, 5])
    corpus.write()
    annotate("a")
    corpus.run(params)
    steps = {
        (row["source_frame_index"], row["target_frame_index"])
        for row in corpus.table("correspondences", "a", box_source="annotated")
    }
    assert steps == {(0, 2), (2, 5), (0, 5)}
    assert {row["frame_index"] for row in corpus.table("tracks", "a", box_source="annotated")} == {0, 2, 5}


@pytest.mark.parametrize(
    "track",
    [
        {"mode": "released", "released_oks_threshold": 0.0},
        {"mode": "propagated"},
        {"assignment": "hungarian"},
        {"maps": "siamese", "tau_corr_siamese": 0.0},
        {"max_lost_frames": 1},
    ],
)
def test_other_ways_to_track_read_the_same_tables(walked, params, change, track):
    walked.run(change(params, track=track), "track")
    assert {row["frame_index"] for row in walked.table("tracks", "a")} == set(range(7))


def test_a_video_whose_poses_are_all_left_out_of_tracks_is_rejected_with_the_counts(walked, params, change):
    few = change(params, track={"min_track_frames": 100}, detect={"box_sources": ["detected"]})
    [reject] = walked.run(few, "track").rejects
    assert reject["reason"].startswith("expected tracks, got none: all ")
    assert reject["reason"].endswith(" short track")
    assert walked.run(params, "track").rejects == []


def test_tracking_runs_no_network():
    assert not [name for name in code_files("tasks.track") if name.startswith("models/networks")]


def test_output_threshold_changes_no_track(walked, params, change):
    before = walked.files("track")
    walked.run(change(params, track={"output_keypoint_threshold": 0.9}), "track")
    assert walked.files("track") == before


def test_recovery_goes_backward_too_and_the_best_proposals_stay(corpus, params, change):
    corpus.video("a", 5)
    corpus.write()
    corpus.two_walkers("a", 5, missed=[(0, 0), (0, 1), (2, 1)])
    corpus.run(change(params, recover={"backward": True}), "estimate", "recover")
    recovered = corpus.table("recovered_poses", "a")
    assert {row["source_frame_index"] - row["frame_index"] for row in recovered} == {-1, 1}
    assert [row["source_frame_index"] for row in recovered if row["frame_index"] == 0] == [1, 1]
    for frame_index in range(5):
        scores = {row["pose_id"]: row["pose_score"] for row in recovered if row["frame_index"] == frame_index}
        for row in corpus.table("recovered_poses", "a", frame_index=frame_index):
            assert (row["duplicate_of"] is None) == (row["drop_reason"] != "duplicate")
            if row["duplicate_of"] in scores:
                assert scores[row["duplicate_of"]] >= row["pose_score"]


def test_recovered_poses_carry_on_only_as_far_as_allowed(corpus, params, change):
    corpus.video("a", 5)
    corpus.write()
    corpus.detections("a", [(0, (8.0, 10.0, 22.0, 40.0))])
    for allowed, reached in ((0, {1}), (2, {1, 2, 3})):
        corpus.run(change(params, recover={"max_chain_frames": allowed}), "estimate", "recover")
        recovered = corpus.table("recovered_poses", "a", drop_reason=None)
        assert {row["frame_index"] for row in recovered} == reached
        assert all(row["chain_frames"] == row["frame_index"] for row in recovered)


@pytest.mark.parametrize(("frame_count", "boxes"), [(1, 2), (4, 0), (1, 0), (0, 0)])
def test_short_and_empty_videos_pass_all_stages(corpus, params, frame_count, boxes):
    corpus.video("a", frame_count)
    corpus.video("b", 3)
    corpus.write()
    corpus.detections("a", [(0, (8.0 + 30 * number, 10.0, 22.0, 40.0)) for number in range(boxes)])
    corpus.two_walkers("b", 3)
    corpus.run(params)
    assert len(corpus.table("tracks", "a")) == boxes
    assert corpus.table("affinities", "a") == []
    assert corpus.table("tracks", "b")


@pytest.mark.parametrize("stage", ["estimate", "recover"])
def test_a_broken_frame_rejects_its_video_and_no_other(corpus, params, stage):
    corpus.video("a", 3)
    corpus.video("b", 3)
    corpus.write()
    corpus.two_walkers("a", 3)
    corpus.two_walkers("b", 3)
    if stage == "recover":
        corpus.run(params, "estimate")
    (corpus.workspace.data / "posetrack/images/val/a/000001.jpg").write_bytes(b"no picture")
    progress = corpus.run(params, stage)
    assert [(entry["source"], "000001.jpg" in entry["reason"]) for entry in progress.rejects] == [("a", True)]
    corpus.run(params, *([] if stage == "estimate" else ["track", "merge"]))
    assert not TABLES["tracks"].path(corpus.workspace.tables, "a").exists()
    assert corpus.table("merged_tracks", "b")


@pytest.mark.parametrize(
    ("stage", "weights"), [("estimate", "pose"), ("recover", "pose"), ("recover", "correspondence")]
)
def test_missing_weights_are_reported_in_one_sentence(corpus, params, stage, weights):
    corpus.video("a", 2)
    corpus.write()
    corpus.two_walkers("a", 2)
    corpus.run(params, "estimate")
    corpus.workspace.weights(weights).unlink()
    with pytest.raises(InputError, match=rf"{weights}\.safetensors: no such weight file; .*import-weights"):
        corpus.run(params, stage)


def test_weights_of_another_network_are_bad_input(corpus, params):
    corpus.video("a", 2)
    corpus.write()
    corpus.two_walkers("a", 2)
    corpus.run(params, "estimate")
    corpus.workspace.weights("correspondence").write_bytes(corpus.workspace.weights("pose").read_bytes())
    with pytest.raises(InputError, match="expected weights of kind correspondence, found pose"):
        corpus.run(params, "recover")


def test_order_of_shards_and_other_videos_change_no_byte(corpus, params, monkeypatch):
    for name in "abc":
        corpus.video(name, 4)
        corpus.two_walkers(name, 4, missed=[(1, 0)])
    corpus.write()
    corpus.run(params)
    together = corpus.files()
    corpus.workspace.state.joinpath("store").rename(corpus.workspace.state / "other store")
    real = tasks.shards.mapping._execute

    def shuffled(work, keyed, **rest):
        """Two workers that take turns in a random order."""
        keyed = list(keyed)
        random.Random(3).shuffle(keyed)
        yield from real(work, keyed[::2], **rest)
        yield from real(work, keyed[1::2], **rest)

    monkeypatch.setattr(tasks.shards.mapping, "_execute", shuffled)
    corpus.run(params)
    assert corpus.files() == together


@pytest.fixture
def ray_of_two():
    """Two logical CPUs on loopback."""
    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("ray_of_two")
def test_ray_actors_give_the_bytes_of_this_process(corpus, params, change):
    for name in "ab":
        corpus.video(name, 4)
        corpus.two_walkers(name, 4, missed=[(1, 0)])
    corpus.write()
    corpus.run(params, "estimate", "recover")
    here = corpus.files("recover")
    corpus.workspace.state.joinpath("store").rename(corpus.workspace.state / "other store")
    corpus.run(change(params, compute={"executor": "ray", "workers": 2}), "recover")
    assert corpus.files("recover") == here


def test_a_cut_into_shards_moves_poses_by_rounding_only(corpus, params, change):
    corpus.video("a", 6)
    corpus.write()
    corpus.two_walkers("a", 6)
    tables = []
    for frames in (1, 100):
        corpus.run(change(params, estimate={"shard_frames": frames}), "estimate")
        rows = corpus.table("poses", "a")
        tables.append(np.array([[row["x"], row["y"]] for row in rows]))
    assert np.allclose(tables[0], tables[1], atol=1e-2)
