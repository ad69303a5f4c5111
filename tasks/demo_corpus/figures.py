"""From a skeleton to the parts that are drawn: which tubes a person is made of, and where the camera sees them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray
from tasks.demo_corpus.body import HEAD, Skeleton
from tasks.demo_corpus.camera import Camera
from tasks.demo_corpus.identities import Identity
from tasks.demo_corpus.parts import Ball, Part, Tube
from tasks.demo_corpus.textures import body_textures, pyramid

SUN: Final = np.array([-0.45, 0.8, -0.4])
HEAD_RADII: Final = (0.044, HEAD, 0.052)
"""Half width, half height and half depth of a head in shares of the stature."""


@dataclass(frozen=True)
class Segment:
    """One tube: its ends are named points, its radii shares of the stature (half depth where it is not round)."""

    name: str
    start: str
    end: str
    reference: str
    texture: str
    radii: tuple[float, float]
    flatness: float = 1.0
    caps: tuple[float, float] = (1.0, 1.0)
    profile: tuple[float, ...] = (1.0,)


def _limbs(side: str) -> list[Segment]:
    return [
        Segment("upper_arm", f"{side}_shoulder", f"{side}_elbow", f"{side}_upper_arm", "upper_arm", (0.033, 0.026)),
        Segment(
            "forearm", f"{side}_elbow", f"{side}_wrist", f"{side}_forearm", "forearm", (0.025, 0.018), 1.0, (1, 0.6)
        ),
        Segment("hand", f"{side}_wrist", f"{side}_fingers", f"{side}_forearm", "skin", (0.019, 0.017)),
        Segment("thigh", f"{side}_hip", f"{side}_knee", f"{side}_thigh", "thigh", (0.052, 0.037)),
        Segment(
            "shin",
            f"{side}_knee",
            f"{side}_ankle",
            f"{side}_shin",
            "shin",
            (0.036, 0.024),
            1.0,
            (1, 0.6),
            (1, 1.08, 1, 1),
        ),
        Segment("foot", f"{side}_heel", f"{side}_toe", f"{side}_shin", "shoe", (0.026, 0.02)),
    ]


def segments_of(identity: Identity) -> list[Segment]:
    """The tubes of a person, in no particular order."""
    segments = [
        *_limbs("left"),
        *_limbs("right"),
        Segment(
            "torso",
            "pelvis",
            "collar",
            "chest",
            "torso",
            (0.078, 0.1),
            0.62,
            (0.4, 0.42),
            (1, 0.93, 0.98, 1.04, 1, 0.86),
        ),
        Segment("seat", "waist", "crotch", "pelvis", "lower", (0.079, 0.088), 0.7, (0.3, 0.45)),
        Segment("neck", "collar", "chin", "chest", "skin", (0.034, 0.031), 1.0, (0.3, 0.3)),
    ]
    if identity.lower_kind == "skirt":
        segments.append(
            Segment("skirt", "waist", "hem", "pelvis", "lower", (0.08, 0.125), 0.85, (0.2, 0.12), (1, 1.3, 1.15, 1))
        )
    if identity.backpack:
        segments.append(
            Segment("backpack", "pack_low", "pack_high", "chest", "backpack", (0.075, 0.065), 0.75, (0.5, 0.7))
        )
    if identity.hairstyle == "long":
        segments.append(Segment("hair", "crown", "hair_tip", "head", "hair", (0.047, 0.04), 0.7, (0.8, 0.6)))
    if identity.hairstyle == "tail":
        segments.append(Segment("hair", "tail_root", "tail_tip", "head", "hair", (0.018, 0.012)))
    if identity.hairstyle == "curls":
        segments.append(Segment("hair", "crown_low", "crown_high", "head", "hair", (0.06, 0.06)))
    return segments


def extra_points(skeleton: Skeleton, size: float) -> dict[str, FloatArray]:
    """Points (T,3) that hang clothes and hair on the skeleton; `size` is the stature."""
    points = skeleton.points
    chest, head, pelvis = (skeleton.frames[name] * size for name in ("chest", "head", "pelvis"))
    knees = 0.5 * (points["left_knee"] + points["right_knee"])
    skull = points["head"]
    return {
        "ground": points["pelvis"] * (1, 0, 1),
        "waist": points["pelvis"] + chest[..., 1] * 0.035,
        "crotch": points["pelvis"] - pelvis[..., 1] * 0.035,
        "chin": points["neck"] + head[..., 1] * 0.02,
        "hem": points["pelvis"] + 0.85 * (knees - points["pelvis"]),
        "pack_low": points["pelvis"] + chest[..., 1] * 0.06 - chest[..., 2] * 0.075,
        "pack_high": points["collar"] - chest[..., 1] * 0.05 - chest[..., 2] * 0.075,
        "crown": skull + head[..., 1] * 0.015 - head[..., 2] * 0.022,
        "hair_tip": points["collar"] - chest[..., 1] * 0.045 - chest[..., 2] * 0.058,
        "tail_root": skull + head[..., 1] * 0.02 - head[..., 2] * 0.055,
        "tail_tip": skull - head[..., 1] * 0.075 - head[..., 2] * 0.075,
        "crown_low": skull + head[..., 1] * 0.012 - head[..., 2] * 0.018,
        "crown_high": skull + head[..., 1] * 0.02 - head[..., 2] * 0.016,
        "head_top": skull + head[..., 1] * HEAD,
        **_face_points(skull, head),
    }


def _face_points(skull: FloatArray, head: FloatArray) -> dict[str, FloatArray]:
    """Nose, eyes and ears on the head's surface, where the texture shows them."""
    angles = {"nose": (0.0, -0.29), "left_eye": (0.46, 0.13), "right_eye": (-0.46, 0.13)}
    angles |= {"left_ear": (1.57, -0.02), "right_ear": (-1.57, -0.02)}
    points = {}
    for name, (turn, height) in angles.items():
        direction = np.array([np.cos(height) * np.sin(turn), np.sin(height), np.cos(height) * np.cos(turn)])
        points[name] = skull + np.einsum("tij,j->ti", head, direction * np.array(HEAD_RADII))
    return points


class Figure:
    """A person over T moments, seen by a camera: `points` in camera axes and `pixels`, both by name."""

    def __init__(self, identity: Identity, skeleton: Skeleton, camera: Camera) -> None:
        self.identity = identity
        self.world = skeleton.points | extra_points(skeleton, identity.build.stature)
        seen = camera.see(np.stack(list(self.world.values()), 1))
        self.points = _by_name(self.world, seen)
        self.pixels = _by_name(self.world, camera.project(seen))
        self._focal = camera.focal
        self._sun = camera.turn(np.broadcast_to(SUN, (len(camera.focal), 3)))
        self._head_frame = camera.turn(skeleton.frames["head"].transpose(0, 2, 1)).transpose(0, 2, 1)
        self._textures = {name: pyramid(picture) for name, picture in body_textures(identity).items()}
        self._segments = segments_of(identity)
        fronts = skeleton.references | {name: frame[..., 2] for name, frame in skeleton.frames.items()}
        front = camera.turn(np.stack([fronts[segment.reference] for segment in self._segments], 1))
        self._rows = self._tube_rows(front)
        self.names = (*(segment.name for segment in self._segments), "head", "nose_tip")

    def parts(self, moment: int) -> list[Part]:
        """All parts at one moment; the order of `names`, equal at every moment."""
        return [*(self._tube(i, moment) for i in range(len(self._segments))), self._head(moment), self._nose(moment)]

    def _tube_rows(self, reference: FloatArray) -> dict[str, FloatArray]:
        """What `_tube` needs, for all moments and segments at once: arrays (T,S) or (T,S,2)."""
        names = [(segment.start, segment.end) for segment in self._segments]
        start, end = (np.stack([self.points[pair[i]] for pair in names], 1) for i in (0, 1))
        flat, flat_end = (np.stack([self.pixels[pair[i]] for pair in names], 1) for i in (0, 1))
        direction = _unit(end - start)
        facing = _square(_unit(-0.5 * (start + end)), direction)
        across = np.cross(direction, facing)
        front = _square(reference, direction)
        side = np.cross(direction, front)
        axis, square = _picture_axes(flat_end - flat, across[..., :2] * (1, -1))
        angle = np.arctan2((facing * side).sum(-1), (facing * front).sum(-1))
        wide, deep = (across * side).sum(-1), (across * front).sum(-1)
        flatness = np.array([segment.flatness for segment in self._segments])
        sun = self._sun[:, None]
        return {
            "start": flat,
            "length": np.linalg.norm(flat_end - flat, axis=-1),
            "axis": axis,
            "square": square,
            "angle": angle,
            "sense": np.where(np.cos(angle) * wide - np.sin(angle) * deep < 0, -1.0, 1.0),
            "girth": np.sqrt(wide**2 + (flatness * deep) ** 2),
            "thickness": np.sqrt(deep**2 + (flatness * wide) ** 2),
            "near": start[..., 2],
            "far": end[..., 2],
            "bright": 0.8 + 0.3 * np.clip((facing * sun).sum(-1), -0.3, 1),
            "slant": 0.22 * (across * sun).sum(-1),
        }

    def _tube(self, number: int, moment: int) -> Tube:
        segment, build = self._segments[number], self.identity.build
        row = {name: values[moment, number] for name, values in self._rows.items()}
        breadth = build.stature * build.girth
        near, far = max(float(row["near"]), 0.2), max(float(row["far"]), 0.2)
        scale = breadth * float(row["girth"] * self._focal[moment])
        return Tube(
            start=row["start"],
            along_axis=row["axis"],
            across_axis=row["square"],
            length=float(row["length"]),
            radii=(segment.radii[0] * scale / near, segment.radii[1] * scale / far),
            caps=segment.caps,
            profile=segment.profile,
            angle=float(row["angle"]),
            sense=float(row["sense"]),
            depths=(float(row["near"]), float(row["far"])),
            thickness_m=float(segment.radii[0] * breadth * row["thickness"]),
            light=(float(row["bright"]), float(row["slant"])),
            texture=self._textures[segment.texture],
        )

    def _head(self, moment: int) -> Ball:
        seen, frame = self.points["head"][moment], self._head_frame[moment]
        towards = _unit(-seen)
        up = _square(frame[:, 1], towards)
        right = np.cross(up, towards)
        right = right if right[0] * up[1] - right[1] * up[0] > 0 else -right
        basis = frame.T @ np.stack([right, up, towards], -1)
        up_flat = _unit(np.array([up[0], -up[1]]))
        size = self.identity.build.stature
        half = size * np.linalg.norm(basis * np.array(HEAD_RADII)[:, None], axis=0)
        scale = float(self._focal[moment] / seen[2])
        sun = self._sun[moment]
        return Ball(
            centre=self.pixels["head"][moment],
            right_axis=np.array([-up_flat[1], up_flat[0]]),
            up_axis=up_flat,
            radii=(float(half[0]) * scale, float(half[1]) * scale),
            basis=basis,
            depth_m=float(seen[2]),
            thickness_m=float(half[2]),
            light=(0.85 + 0.25 * float(np.clip(towards @ sun, -0.3, 1)), 0.2 * float(right @ sun)),
            texture=self._textures["head"],
        )

    def _nose(self, moment: int) -> Ball:
        """A small bump that shows which way a profile looks."""
        seen = self.points["nose"][moment]
        radius = float(0.0095 * self.identity.build.stature * self._focal[moment] / max(float(seen[2]), 0.2))
        return Ball(
            centre=self.pixels["nose"][moment],
            right_axis=np.array([1.0, 0.0]),
            up_axis=np.array([0.0, -1.0]),
            radii=(radius, radius * 1.2),
            basis=np.eye(3),
            depth_m=float(seen[2]),
            thickness_m=0.01,
            light=(1.0, 0.1),
            texture=self._textures["skin"],
        )


def _by_name(named: dict[str, FloatArray], stacked: FloatArray) -> dict[str, FloatArray]:
    return {name: stacked[:, i] for i, name in enumerate(named)}


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), np.float64)


def _square(vectors: FloatArray, direction: FloatArray) -> FloatArray:
    """The part of (...,3) vectors that is square to unit directions, made unit; any such where none is left."""
    rest = vectors - direction * (vectors * direction).sum(-1, keepdims=True)
    spare = np.cross(direction, np.array([0.577, 0.577, 0.577]))
    return _unit(np.where(np.linalg.norm(rest, axis=-1, keepdims=True) > 1e-6, rest, spare))


def _picture_axes(offset: FloatArray, across: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit axes (...,2) along and across a tube in the picture; a tube seen end on lies square to its across axis."""
    end_on = np.stack([across[..., 1], -across[..., 0]], -1)
    axis = _unit(np.where(np.linalg.norm(offset, axis=-1, keepdims=True) > 0.5, offset, end_on))
    square = np.stack([-axis[..., 1], axis[..., 0]], -1)
    return axis, square * np.where((square * across).sum(-1, keepdims=True) < 0, -1, 1)
