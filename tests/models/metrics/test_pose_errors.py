"""The taxonomy of pose errors: each answer by an arrangement of joints that has it by construction."""

import numpy as np
import pytest

from models.keypoints import POSEVAL_JOINTS, flip_order, oks_sigmas
from models.metrics.pose_errors import POSE_ANSWERS, count_pose_answers
from models.metrics.sequence import JOINT_COUNT, Sequence, SequencePersons

WRIST = POSEVAL_JOINTS.index("right_wrist")
OTHER_WRIST = POSEVAL_JOINTS.index("left_wrist")
LONE = np.column_stack([np.arange(JOINT_COUNT) * 100.0, np.where(np.arange(JOINT_COUNT) % 2, 0.0, 100.0)])
"""A person whose joints are far from each other, in a box of 1400 by 100 px."""
SIZE = np.sqrt(1400.0 * 100.0)


def persons(*poses: np.ndarray, present: np.ndarray | None = None) -> SequencePersons:
    count = len(poses)
    there = np.ones((count, JOINT_COUNT), dtype=bool) if present is None else present
    xy = np.array(poses).reshape(count, JOINT_COUNT, 2)
    none = np.zeros(count, dtype=np.int64)
    return SequencePersons(none, np.arange(count) * 1.0, xy, there, there * 1.0, np.full(count, 10.0))


def answer(truth: SequencePersons, predicted: SequencePersons, joint: int = WRIST) -> dict[str, int]:
    counts = count_pose_answers(Sequence("scene", 1, truth, predicted))
    assert counts.sum() == truth.present.sum()
    return {name: int(number) for name, number in zip(POSE_ANSWERS, counts[joint], strict=True) if number}


def moved(xy: tuple[float, float] | np.ndarray) -> np.ndarray:
    pose = LONE.copy()
    pose[WRIST] = xy
    return pose


def distance(similarity: float) -> float:
    """From the annotated wrist to where the similarity is this, px: exp(-d^2 / (2 size^2 (2 sigma)^2)) solved for d."""
    return float(SIZE * 2 * oks_sigmas(POSEVAL_JOINTS)[WRIST] * np.sqrt(-2 * np.log(similarity)))


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [(1.0, "good"), (0.86, "good"), (0.84, "jitter"), (0.51, "jitter"), (0.49, "miss"), (0.01, "miss")],
)
def test_the_distance_decides_where_no_other_joint_is_near(similarity, expected):
    pose = moved(LONE[WRIST] + [0, distance(similarity)])
    assert answer(persons(LONE), persons(pose)) == {expected: 1}


def test_the_mirrored_joint_of_the_same_person_is_an_inversion():
    assert answer(persons(LONE), persons(moved(LONE[OTHER_WRIST]))) == {"inversion": 1}


@pytest.mark.parametrize("joint", [WRIST, OTHER_WRIST])
def test_the_same_or_mirrored_joint_of_another_person_is_a_swap(joint):
    other = np.add(LONE, [0, 900])
    assert answer(persons(LONE, other), persons(moved(other[joint]), other)) == {"good": 1, "swap": 1}


def test_the_joint_of_another_kind_is_a_miss():
    assert answer(persons(LONE), persons(moved(LONE[POSEVAL_JOINTS.index("nose")]))) == {"miss": 1}


def test_a_joint_that_is_not_predicted_is_absent():
    present = np.ones((1, JOINT_COUNT), dtype=bool)
    present[0, WRIST] = False
    assert answer(persons(LONE), persons(LONE, present=present)) == {"absent": 1}
    assert answer(persons(LONE), persons(LONE, present=present), OTHER_WRIST) == {"good": 1}
    assert answer(persons(LONE, present=present), persons(LONE)) == {}


@pytest.mark.parametrize("poses", [(), (np.add(LONE, [0, 5000]),)])
def test_all_joints_are_absent_where_no_pose_belongs_to_the_person(poses):
    assert answer(persons(LONE), persons(*poses)) == {"absent": 1}


def test_a_person_seen_in_a_mirror_has_inversions_but_of_the_head():
    counts = count_pose_answers(Sequence("scene", 1, persons(LONE), persons(LONE[flip_order(POSEVAL_JOINTS)])))
    assert counts[:, POSE_ANSWERS.index("inversion")].tolist() == [1] * 12 + [0] * 3
    assert counts[:, POSE_ANSWERS.index("good")].tolist() == [0] * 12 + [1] * 3


def test_no_annotated_person_gives_no_answer():
    assert answer(persons(), persons(LONE)) == {}
