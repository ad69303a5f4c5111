"""What is propagated where: a wall that moves 4 px per frame, a reach of 15 px, and what a still wall must give."""

from typing import Any

import pytest

from tasks.errors import InputError
from tasks.warps.annotated_video import read_annotated_video
from tasks.warps.evaluation import WarpMetrics, evaluate_warps
from tasks.warps.propagators import MapPropagator, load_network


@pytest.fixture
def measured(network: Any, recover_params: Any) -> Any:
    def measure(scene: Any, *gaps: int, **changed: Any) -> WarpMetrics:
        propagator = MapPropagator(changed.get("network", network), recover_params)
        return evaluate_warps(read_annotated_video(scene.folder, scene.annotations), propagator, gaps)

    return measure


def shares(metrics: WarpMetrics, way: str) -> dict[int, float | None]:
    return {of_gap.gap: of_gap.share(way) for of_gap in metrics.gaps}


def test_on_a_moving_wall_the_flow_arrives_and_the_unmoved_fall_behind(scene: Any, measured: Any) -> None:
    metrics = measured(scene(speed_px=4), 1, 3, 4, 5)
    assert shares(metrics, "unmoved") == {1: 1.0, 3: 1.0, 4: 0.0, 5: 0.0}
    assert shares(metrics, "optical_flow") == {1: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}
    assert [(of_gap.frame_pairs, of_gap.keypoints) for of_gap in metrics.gaps] == [(5, 75), (3, 45), (2, 30), (1, 15)]


def test_on_a_still_wall_s_finds_every_keypoint_again(scene: Any, measured: Any) -> None:
    """Of unit vectors none is more like a feature than itself, whatever the weights."""
    metrics = measured(scene(speed_px=0), 1, 5)
    assert shares(metrics, "siamese") == shares(metrics, "unmoved") == {1: 1.0, 5: 1.0}


def test_s_that_stays_misses_annotations_that_move(scene: Any, measured: Any) -> None:
    wall = scene(speed_px=0, count=2)
    for channel in range(17):
        wall.person(1)["keypoints"][3 * channel] += 20  # the reach is 15 px
    metrics = measured(wall.write(), 1)
    assert shares(metrics, "siamese") == shares(metrics, "optical_flow") == shares(metrics, "unmoved") == {1: 0.0}


def test_a_network_without_refinement_measures_s_alone(scene: Any, measured: Any, weights: Any) -> None:
    wall = scene(speed_px=4)
    both = measured(wall, 2, network=load_network(weights))
    (weights / "correspondence.safetensors").unlink()
    siamese = measured(wall, 2, network=load_network(weights))
    assert both.ways == ("unmoved", "optical_flow", "siamese", "refined")
    assert siamese.ways == ("unmoved", "optical_flow", "siamese")
    assert shares(siamese, "siamese") == shares(both, "siamese")


def test_a_reach_is_half_a_head_in_the_frame_of_arrival(scene: Any, measured: Any) -> None:
    wall = scene(speed_px=4, count=2)
    wall.person(1)["bbox_head"] = [0.0, 0.0, 8.0, 6.0]  # reach 0.5 * 0.6 * 10 = 3 px, less than the wall moves
    assert shares(measured(wall.write(), 1), "unmoved") == {1: 0.0}
    wall.person(1)["bbox_head"] = [0.0, 0.0, 12.0, 9.0]  # 4.5 px
    wall.person(0)["bbox_head"] = [0.0, 0.0, 4.0, 3.0]
    assert shares(measured(wall.write(), 1), "unmoved") == {1: 1.0}


def test_only_what_both_frames_annotate_on_one_track_counts(scene: Any, measured: Any) -> None:
    wall = scene(count=2)
    wall.person(0)["keypoints"][:6] = [0.0] * 6  # nose and head_bottom
    wall.person(1)["keypoints"][-3:] = [0.0] * 3  # right_ankle
    another = wall.person(1) | {"id": 900, "track_id": 2}
    wall.document["annotations"].append(another)
    assert measured(wall.write(), 1).gaps[0].keypoints == 12


def test_persons_without_a_head_are_left_out_and_counted(scene: Any, measured: Any) -> None:
    wall = scene(count=3)
    del wall.person(2)["bbox_head"]
    metrics = measured(wall.write(), 1).gaps[0]
    assert (metrics.frame_pairs, metrics.keypoints, metrics.without_head) == (2, 15, 15)


def test_gaps_are_counted_in_frames_of_the_video_where_few_are_annotated(scene: Any, measured: Any) -> None:
    wall = scene(count=6)
    wall.document["annotations"] = [wall.person(0), wall.person(5)]
    wall.document["images"] = [wall.document["images"][0], wall.document["images"][5]]
    metrics = measured(wall.write(), 1, 5)
    assert [of_gap.frame_pairs for of_gap in metrics.gaps] == [0, 1]
    assert shares(metrics, "optical_flow") == {1: None, 5: 1.0}


def test_gaps_that_no_pair_has_are_refused(scene: Any, measured: Any) -> None:
    with pytest.raises(InputError, match=r"two frames that are 7, 9 frames apart, got none in 6 annotated frames"):
        measured(scene(count=6), 7, 9)


def test_a_frame_that_does_not_decode_is_rejected_alone(scene: Any, measured: Any) -> None:
    wall = scene(count=4)
    (wall.folder / "000001.png").write_bytes(b"no picture")
    metrics = measured(wall, 1)
    assert metrics.gaps[0].frame_pairs == 1
    assert len(metrics.rejects) == 1
    assert "000001.png" in metrics.rejects[0]
