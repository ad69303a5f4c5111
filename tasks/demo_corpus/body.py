"""The skeleton: segment lengths, joint angles, and forward kinematics.

A body frame has three axes: left, up and forward. The world is X right, Y up, Z away from the camera, in metres.
"""

from dataclasses import dataclass, field

import numpy as np

from models.arrays import FloatArray

ANKLE, SHIN, THIGH, TORSO, NECK, HEAD = 0.045, 0.24, 0.245, 0.285, 0.055, 0.065
"""Lengths in shares of the stature; HEAD is half the height of the head."""
UPPER_ARM, FOREARM, HAND, FOOT = 0.165, 0.145, 0.05, 0.095
SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True)
class Limb:
    """Angles of a two-part limb, radians, each of shape (T,): flexion swings forward, abduction away from the body."""

    flexion: FloatArray
    abduction: FloatArray
    lower_flexion: FloatArray
    lower_abduction: FloatArray


@dataclass(frozen=True)
class Posture:
    """All angles and the position of a person over T moments. `heading` 0 looks away from the camera, pi towards it."""

    position: FloatArray
    heading: FloatArray
    lift: FloatArray
    lean: FloatArray
    side_lean: FloatArray
    twist: FloatArray
    head_turn: FloatArray
    head_nod: FloatArray
    arms: dict[str, Limb]
    legs: dict[str, Limb]


@dataclass(frozen=True)
class Build:
    """Bodily proportions: stature in metres, the rest as factors around 1."""

    stature: float
    girth: float
    shoulders: float
    hips: float
    legs: float


@dataclass(frozen=True)
class Skeleton:
    """World positions (T,3) of every joint and body frames (T,3,3) whose columns are left, up, forward."""

    points: dict[str, FloatArray]
    frames: dict[str, FloatArray]
    references: dict[str, FloatArray] = field(default_factory=dict)
    """Direction (T,3) square to each limb segment that the texture's zero angle points to."""


def _heading_frame(heading: FloatArray) -> FloatArray:
    sine, cosine, zero = np.sin(heading), np.cos(heading), np.zeros_like(heading)
    left = np.stack([-cosine, zero, sine], -1)
    up = np.stack([zero, zero + 1, zero], -1)
    forward = np.stack([sine, zero, cosine], -1)
    return np.stack([left, up, forward], -1)


def _turned(frame: FloatArray, *, pitch: FloatArray, roll: FloatArray, yaw: FloatArray) -> FloatArray:
    """A frame turned in its own axes: pitch bows forward, roll leans left, yaw looks to the left."""
    left, up, forward = frame[..., 0], frame[..., 1], frame[..., 2]
    left, forward = _rotate(left, forward, -yaw)
    up, forward = _rotate(up, forward, pitch)
    up, left = _rotate(up, left, roll)
    return np.stack([left, up, forward], -1)


def _rotate(first: FloatArray, second: FloatArray, angle: FloatArray) -> tuple[FloatArray, FloatArray]:
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return first * cosine + second * sine, second * cosine - first * sine


def _direction(
    frame: FloatArray, flexion: FloatArray, abduction: FloatArray, side: float
) -> tuple[FloatArray, FloatArray]:
    """Unit direction of a segment that hangs down at rest, and its reference direction."""
    zero = np.zeros_like(flexion)
    along = np.stack(
        [side * np.sin(abduction), -np.cos(abduction) * np.cos(flexion), np.cos(abduction) * np.sin(flexion)], -1
    )
    front = np.stack([zero, np.sin(flexion), np.cos(flexion)], -1)
    return np.einsum("tij,tj->ti", frame, along), np.einsum("tij,tj->ti", frame, front)


def pose_skeleton(posture: Posture, build: Build) -> Skeleton:
    """Places every joint; the lower ankle stands on the ground, `lift` metres above it."""
    pelvis = _heading_frame(posture.heading)
    zero = np.zeros_like(posture.heading)
    chest = _turned(pelvis, pitch=posture.lean, roll=posture.side_lean, yaw=posture.twist)
    upright = _turned(pelvis, pitch=0.4 * posture.lean, roll=0.4 * posture.side_lean, yaw=zero + posture.twist)
    head = _turned(upright, pitch=posture.head_nod, roll=zero, yaw=posture.head_turn)
    skeleton = Skeleton({"pelvis": np.zeros((len(zero), 3))}, {"pelvis": pelvis, "chest": chest, "head": head})
    _place_trunk(skeleton, build)
    _place_legs(skeleton, posture, build)
    _place_arms(skeleton, posture, build)
    lowest = np.minimum(skeleton.points["left_ankle"][:, 1], skeleton.points["right_ankle"][:, 1])
    shift = np.stack(
        [posture.position[:, 0], posture.lift + ANKLE * build.stature - lowest, posture.position[:, 1]], -1
    )
    for name in skeleton.points:
        skeleton.points[name] = skeleton.points[name] + shift
    return skeleton


def _place_trunk(skeleton: Skeleton, build: Build) -> None:
    points, size = skeleton.points, build.stature
    chest, head, pelvis = (skeleton.frames[name] for name in ("chest", "head", "pelvis"))
    points["collar"] = points["pelvis"] + chest[..., 1] * TORSO * size
    points["neck"] = points["collar"] + 0.5 * NECK * size * (chest[..., 1] + 0.3 * head[..., 2])
    points["head"] = points["neck"] + head[..., 1] * (0.5 * NECK + HEAD) * size + head[..., 2] * 0.012 * size
    for side, sign in SIDES:
        points[f"{side}_hip"] = points["pelvis"] + pelvis[..., 0] * sign * 0.056 * build.hips * size
        shoulder = points["collar"] + chest[..., 0] * sign * 0.112 * build.shoulders * size
        points[f"{side}_shoulder"] = shoulder - chest[..., 1] * 0.012 * size


def _place_legs(skeleton: Skeleton, posture: Posture, build: Build) -> None:
    points, pelvis, size = skeleton.points, skeleton.frames["pelvis"], build.stature
    for side, sign in SIDES:
        limb = posture.legs[side]
        along, front = _direction(pelvis, limb.flexion, limb.abduction, sign)
        points[f"{side}_knee"] = points[f"{side}_hip"] + along * THIGH * build.legs * size
        skeleton.references[f"{side}_thigh"] = front
        along, front = _direction(pelvis, limb.lower_flexion, limb.lower_abduction, sign)
        points[f"{side}_ankle"] = points[f"{side}_knee"] + along * SHIN * build.legs * size
        skeleton.references[f"{side}_shin"] = front
        toe = front * 0.96 + pelvis[..., 0] * sign * 0.25 - pelvis[..., 1] * 0.16
        points[f"{side}_toe"] = points[f"{side}_ankle"] + toe * FOOT * size + along * 0.02 * size
        points[f"{side}_heel"] = points[f"{side}_ankle"] + along * 0.022 * size - front * 0.012 * size


def _place_arms(skeleton: Skeleton, posture: Posture, build: Build) -> None:
    points, chest, size = skeleton.points, skeleton.frames["chest"], build.stature
    for side, sign in SIDES:
        limb = posture.arms[side]
        along, front = _direction(chest, limb.flexion, limb.abduction, sign)
        points[f"{side}_elbow"] = points[f"{side}_shoulder"] + along * UPPER_ARM * size
        skeleton.references[f"{side}_upper_arm"] = front
        along, front = _direction(chest, limb.lower_flexion, limb.lower_abduction, sign)
        points[f"{side}_wrist"] = points[f"{side}_elbow"] + along * FOREARM * size
        points[f"{side}_fingers"] = points[f"{side}_wrist"] + along * HAND * size
        skeleton.references[f"{side}_forearm"] = front
