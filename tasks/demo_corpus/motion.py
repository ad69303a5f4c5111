"""Gaits: how the angles of a body run in time, from standing and strolling to running and dancing."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray
from tasks.demo_corpus.body import Limb, Posture

TAU = 2 * np.pi


@dataclass(frozen=True)
class Walk:
    """Where a person is: position (T,2) as X and Z in metres, heading and speed (T,) in radians and metres a second."""

    seconds: FloatArray
    position: FloatArray
    heading: FloatArray
    speed: FloatArray


@dataclass(frozen=True)
class Style:
    """A person's own way of moving, drawn once per person and scene."""

    phase: float
    vigour: float
    tempo: float
    detail: FloatArray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Style":
        """A style of its own from the motion stream."""
        return cls(rng.uniform(0, TAU), rng.uniform(0.8, 1.2), rng.uniform(0.85, 1.15), rng.uniform(-1, 1, 12))


Gait = Callable[[Walk, Style], Posture]


def _stride_phase(walk: Walk, style: Style, stride_m: float) -> FloatArray:
    """Phase of the step cycle, so that the feet keep pace with the ground."""
    steps = np.diff(walk.seconds, prepend=walk.seconds[0]) * walk.speed / stride_m
    return style.phase + TAU * np.cumsum(steps)


def _limb(
    flexion: FloatArray, abduction: FloatArray, bend: FloatArray, lower_abduction: FloatArray | None = None
) -> Limb:
    return Limb(flexion, abduction, flexion + bend, abduction if lower_abduction is None else lower_abduction)


def _stepping(walk: Walk, style: Style, *, stride_m: float, swing: float, knee: float, elbow: float) -> Posture:
    phase = _stride_phase(walk, style, stride_m)
    zero = np.zeros_like(phase)
    detail = style.detail
    legs, arms = {}, {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        side_phase = phase if sign > 0 else phase + np.pi
        hip = swing * np.sin(side_phase) + 0.06
        bend = 0.08 + knee * np.clip(np.sin(side_phase + 0.9 * np.pi / 2 + 0.25), 0, None) ** 1.3
        legs[side] = _limb(hip, zero + 0.03, -bend)
        arm = -(0.8 + 0.3 * detail[0]) * swing * np.sin(side_phase)
        arms[side] = _limb(arm, zero + 0.1 + 0.06 * detail[1], elbow + 0.25 * np.clip(arm, 0, None), zero + 0.04)
    return Posture(
        position=walk.position,
        heading=walk.heading,
        lift=zero,
        lean=zero + 0.03 + 0.03 * detail[2] + 0.05 * (swing - 0.4),
        side_lean=0.02 * np.sin(phase),
        twist=-0.15 * swing * np.sin(phase),
        head_turn=0.25 * detail[3] + 0.15 * np.sin(0.7 * walk.seconds + detail[4] * 3),
        head_nod=zero + 0.06 * detail[5],
        arms=arms,
        legs=legs,
    )


def stroll(walk: Walk, style: Style) -> Posture:
    """An easy walk with small steps and hanging arms."""
    return _stepping(walk, style, stride_m=1.25, swing=0.36 * style.vigour, knee=0.75, elbow=0.18)


def stride(walk: Walk, style: Style) -> Posture:
    """A brisk walk."""
    return _stepping(walk, style, stride_m=1.6, swing=0.5 * style.vigour, knee=0.95, elbow=0.4)


def run(walk: Walk, style: Style) -> Posture:
    """Running: high knees, bent elbows, both feet off the ground twice a cycle."""
    posture = _stepping(walk, style, stride_m=2.5, swing=0.8 * style.vigour, knee=1.6, elbow=1.5)
    phase = _stride_phase(walk, style, 2.5)
    hop = 0.09 * np.abs(np.sin(phase))
    return Posture(**{**posture.__dict__, "lift": hop, "lean": posture.lean + 0.14})


def stand(walk: Walk, style: Style) -> Posture:
    """Standing and looking around, one hand on the hip or both arms down."""
    sway = np.sin(TAU * 0.4 * style.tempo * walk.seconds + style.phase)
    zero = np.zeros_like(sway)
    detail = style.detail
    akimbo = detail[6] > 0.3
    arms = {
        side: _limb(
            zero + (-0.25 if akimbo and sign * detail[7] > -0.4 else 0.08 * detail[0]),
            zero + (0.75 if akimbo and sign * detail[7] > -0.4 else 0.14),
            zero + (0.35 if akimbo else 0.2 + 0.15 * sway),
            zero + (-0.9 if akimbo and sign * detail[7] > -0.4 else 0.05),
        )
        for side, sign in (("left", 1.0), ("right", -1.0))
    }
    legs = {
        side: _limb(zero + 0.05 * sign * detail[8], zero + 0.08 + 0.05 * detail[9], zero - 0.06)
        for side, sign in (("left", 1.0), ("right", -1.0))
    }
    return Posture(
        walk.position, walk.heading, zero, zero + 0.02, 0.04 * sway, 0.1 * sway, 0.5 * sway + 0.3 * detail[3],
        zero + 0.1 * detail[5], arms, legs,
    )  # fmt: skip


def wave(walk: Walk, style: Style) -> Posture:
    """Standing with one arm raised and waving."""
    posture = stand(walk, style)
    beat = np.sin(TAU * 1.3 * style.tempo * walk.seconds + style.phase)
    zero = np.zeros_like(beat)
    side = "left" if style.detail[10] > 0 else "right"
    arm = Limb(zero + 0.2, zero + 1.5 + 0.15 * beat, zero + 0.2, 2.6 + 0.5 * beat)
    return Posture(**{**posture.__dict__, "arms": {**posture.arms, side: arm}})


def dance(walk: Walk, style: Style) -> Posture:
    """Dancing: arms and legs to a beat, with turns, bends and hops, in each person's own pattern."""
    beat = TAU * 0.95 * style.tempo * walk.seconds + style.phase
    detail, zero = style.detail, np.zeros_like(walk.seconds)
    arms, legs = {}, {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        side_beat = beat + (0 if detail[6] > 0 else np.pi * (sign < 0))
        raised = 0.95 + 0.35 * detail[0] + 0.75 * np.sin(side_beat + detail[1])
        arms[side] = Limb(
            0.6 * np.sin(beat * 0.5 + sign),
            raised,
            0.8 + 0.5 * np.sin(side_beat),
            raised + 0.7 + 0.7 * np.sin(side_beat + 1 + detail[2]),
        )
        step = np.clip(np.sin(beat * 0.5 + np.pi * (sign < 0)), 0, None)
        legs[side] = _limb(0.9 * style.vigour * step, 0.14 + 0.22 * step, -0.15 - 1.2 * style.vigour * step)
    return Posture(
        position=walk.position,
        heading=walk.heading + (0.5 + 0.3 * detail[3]) * np.sin(beat * 0.35 + detail[4]),
        lift=0.07 * np.clip(np.sin(beat), 0, None),
        lean=0.12 + 0.15 * np.sin(beat * 0.5 + detail[5]),
        side_lean=0.16 * np.sin(beat * 0.5),
        twist=0.3 * np.sin(beat * 0.5 + 0.5),
        head_turn=0.3 * np.sin(beat * 0.5),
        head_nod=zero + 0.1 * np.sin(beat),
        arms=arms,
        legs=legs,
    )


def exercise(walk: Walk, style: Style) -> Posture:
    """Squats and jumping jacks, one or the other."""
    beat = 0.5 - 0.5 * np.cos(TAU * 0.75 * style.tempo * walk.seconds + style.phase)
    zero = np.zeros_like(beat)
    squats = style.detail[6] > 0
    arms, legs = {}, {}
    for side in ("left", "right"):
        if squats:
            arms[side] = _limb(0.2 + 1.3 * beat, zero + 0.1, zero + 0.1)
            legs[side] = _limb(0.1 + 1.4 * beat, zero + 0.2, -0.1 - 1.9 * beat)
        else:
            arms[side] = Limb(zero + 0.1, 0.15 + 2.4 * beat, zero + 0.2, 0.2 + 2.7 * beat)
            legs[side] = _limb(zero + 0.05, 0.06 + 0.42 * beat, zero - 0.1)
    return Posture(
        walk.position, walk.heading, zero if squats else 0.12 * np.sin(np.pi * beat), (0.55 if squats else 0.05) * beat,
        zero, zero, zero + 0.2 * style.detail[3], -0.2 * beat, arms, legs,
    )  # fmt: skip


def sit(walk: Walk, style: Style) -> Posture:
    """Sitting on something low, arms on the knees or gesturing."""
    sway = np.sin(TAU * 0.3 * walk.seconds + style.phase)
    zero = np.zeros_like(sway)
    detail = style.detail
    arms = {
        side: Limb(
            0.5 + 0.25 * detail[0] + 0.1 * sway,
            zero + 0.12 + 0.1 * detail[1] * sign,
            1.3 + 0.4 * detail[2] * sign + 0.2 * sway,
            zero - 0.1,
        )
        for side, sign in (("left", 1.0), ("right", -1.0))
    }
    legs = {
        side: _limb(zero + 1.45, zero + 0.14 + 0.1 * detail[3], zero - 1.45 + 0.25 * detail[4] * sign)
        for side, sign in (("left", 1.0), ("right", -1.0))
    }
    return Posture(
        walk.position,
        walk.heading,
        zero,
        zero + 0.1 + 0.15 * detail[5],
        0.03 * sway,
        0.1 * sway,
        0.4 * sway,
        zero,
        arms,
        legs,
    )


def reach(walk: Walk, style: Style) -> Posture:
    """Bowing, reaching, pointing or crouching: the odd postures that pictures hold."""
    slow = np.sin(TAU * 0.5 * style.tempo * walk.seconds + style.phase)
    zero = np.zeros_like(slow)
    detail = style.detail
    arms = {
        side: Limb(
            1.2 + 1.2 * detail[i] + 0.3 * slow,
            zero + 0.4 + 0.4 * detail[i + 1],
            1.5 + 1.3 * detail[i] + 0.4 * slow,
            zero + 0.3 + 0.6 * detail[i + 2],
        )
        for side, i in (("left", 0), ("right", 3))
    }
    legs = {
        side: _limb(zero + 0.45 + 0.5 * detail[i], zero + 0.15 + 0.1 * detail[i + 1], zero - 0.6 + 0.5 * detail[i + 1])
        for side, i in (("left", 6), ("right", 8))
    }
    return Posture(
        walk.position, walk.heading, zero, 0.3 + 0.4 * detail[10] + 0.1 * slow, 0.2 * detail[11] + zero,
        0.3 * detail[9] + zero, 0.4 * slow, zero - 0.1, arms, legs,
    )  # fmt: skip
