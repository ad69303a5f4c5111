"""How each annotated joint is answered: good, or which error of the field's taxonomy of localisation errors.

After Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation" (ICCV 2017): what counts
is the keypoint similarity of a predicted joint with the annotated one, with the same person's mirrored one, and with
those of other persons. The taxonomy is of poses that belong to an annotated person; where there is none, or it lacks
the joint, the joint is absent.
"""

from typing import Final, Literal

import numpy as np

from models.arrays import FloatArray, IntArray
from models.keypoints import POSEVAL_JOINTS, flip_order, oks_sigmas
from models.metrics.sequence import JOINT_COUNT, Sequence, SequencePersons
from models.poses.oks import keypoint_area

PoseAnswer = Literal["good", "jitter", "inversion", "swap", "miss", "absent"]
POSE_ANSWERS: Final[tuple[PoseAnswer, ...]] = ("good", "jitter", "inversion", "swap", "miss", "absent")
GOOD_SIMILARITY: Final = 0.85
"""Least similarity with the annotated joint of a good answer."""
NEAR_SIMILARITY: Final = 0.5
"""Least similarity of a jitter with the annotated joint, of an inversion or a swap with the joint it is taken for."""
MATCH_OKS: Final = 0.1
"""Least OKS of a predicted and an annotated person who belong together."""
_MIRRORED: Final = flip_order(POSEVAL_JOINTS)
_SIGMAS: Final = oks_sigmas(POSEVAL_JOINTS)
_EPSILON: Final = float(np.spacing(1.0))


def count_pose_answers(sequence: Sequence) -> IntArray:
    """Annotated joints of a sequence by joint (order POSEVAL_JOINTS) and answer (POSE_ANSWERS), (15, 6).

    A person's size is the box around the annotated joints, but never less than the square of the head size.
    """
    counts = np.zeros((JOINT_COUNT, len(POSE_ANSWERS)), dtype=np.int64)
    truth, predicted = sequence.truth, sequence.predicted
    for frame in range(sequence.frame_count):
        rows, candidates = _rows(truth, frame), _rows(predicted, frame)
        answers = _answers(sequence, rows, candidates)
        for answer in range(len(POSE_ANSWERS)):
            counts[:, answer] += (truth.present[rows] & (answers == answer)).sum(axis=0)
    return counts


def _rows(persons: SequencePersons, frame: int) -> IntArray:
    first, last = np.searchsorted(persons.frame, [frame, frame + 1])
    return np.arange(first, last)


def _answers(sequence: Sequence, rows: IntArray, candidates: IntArray) -> IntArray:
    """Index into POSE_ANSWERS of every joint of the annotated persons of a frame, (G, 15)."""
    answers = np.full((len(rows), JOINT_COUNT), POSE_ANSWERS.index("absent"), dtype=np.int64)
    if not len(rows) or not len(candidates):
        return answers
    same = _similarity(sequence, rows, candidates, np.arange(JOINT_COUNT))
    mirrored = _similarity(sequence, rows, candidates, _MIRRORED)
    either = np.maximum(same, mirrored)
    joints = np.maximum(sequence.truth.present[rows].sum(axis=1), 1)
    for person, pose in _pairs(same.sum(axis=2) / joints[:, None]):
        others = np.delete(either[:, pose], person, axis=0).max(axis=0, initial=0.0)
        named = _named(same[person, pose], mirrored[person, pose], others)
        answers[person] = np.where(sequence.predicted.present[candidates[pose]], named, answers[person])
    return answers


def _similarity(sequence: Sequence, rows: IntArray, candidates: IntArray, joints: IntArray) -> FloatArray:
    """Similarity of each predicted joint with the annotated `joints`, (G, P, 15); 0 where either is lacking."""
    truth, predicted = sequence.truth, sequence.predicted
    present, head = truth.present[rows], truth.head_size[rows]
    size = np.fmax(keypoint_area(truth.xy[rows], present), head**2)[:, None, None] + _EPSILON
    both = present[:, None, joints] & predicted.present[candidates][None]
    with np.errstate(invalid="ignore", over="ignore"):
        offset = predicted.xy[candidates][None] - truth.xy[rows][:, None, joints]
        similarity = np.exp(-np.square(offset).sum(axis=3) / (2.0 * size * (2.0 * _SIGMAS[joints]) ** 2))
    return np.where(both, np.nan_to_num(similarity), 0.0)


def _pairs(oks: FloatArray) -> list[tuple[int, int]]:
    """Annotated and predicted persons of (G, P) who belong together: the most similar first, each in one pair."""
    pairs: list[tuple[int, int]] = []
    free = np.where(oks >= MATCH_OKS, oks, -1.0)
    while free.max(initial=-1.0) >= 0:
        person, pose = (int(index) for index in np.unravel_index(int(free.argmax()), free.shape))
        pairs.append((person, pose))
        free[person], free[:, pose] = -1.0, -1.0
    return pairs


def _named(same: FloatArray, mirrored: FloatArray, others: FloatArray) -> IntArray:
    """Index into POSE_ANSWERS by the similarities (15,) of the joints of a pair."""
    is_near = [same >= GOOD_SIMILARITY, same >= NEAR_SIMILARITY]
    is_taken = [(mirrored >= NEAR_SIMILARITY) & (mirrored >= others), others >= NEAR_SIMILARITY]
    return np.select([*is_near, *is_taken], [0, 1, 2, 3], default=POSE_ANSWERS.index("miss"))
