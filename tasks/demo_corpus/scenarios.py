"""What happens in the videos and pictures: who walks, crosses, dances, hides, and what makes it hard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from tasks.demo_corpus import motion
from tasks.demo_corpus.motion import Gait

GroundPoint = tuple[float, float]
"""A point on the ground: X in shares of half the picture's width at that distance, Z in metres."""


@dataclass(frozen=True)
class Role:
    """One actor: from where to where, moving how, and whose clothes (the number of another role) are worn."""

    start: GroundPoint
    end: GroundPoint
    gait: Gait | None = None
    """None: by speed, from strolling to running."""
    clothes_of: int | None = None
    facing: float | None = None
    """Heading in radians of those who stay where they are; None: towards the camera, more or less."""


@dataclass(frozen=True)
class Script:
    """Everything a scene needs besides its random streams."""

    tags: tuple[str, ...]
    settings: tuple[str, ...]
    roles: list[Role]
    occluders: list[tuple[str, float, float]] = field(default_factory=list)
    """(kind, X in shares, Z in metres)."""
    pan: float = 0.0
    """Turn of the camera over the whole video, radians."""
    shake: float = 0.0
    zoom: float = 1.0
    """Focal length at the end, in shares of that at the start."""
    blurred: bool = False
    dark: bool = False
    spectators: int = 0


def _depths(rng: np.random.Generator, count: int, *, near: float, far: float) -> list[float]:
    """Distances of `count` people, spread and shuffled."""
    depths = np.linspace(near, far, count) + rng.uniform(-0.12, 0.12, count)
    return [float(z) for z in rng.permutation(depths)]


def _passing(rng: np.random.Generator, z: float, side: float, reach: float = 0.75) -> Role:
    """From one side to the other."""
    drift = rng.uniform(-0.4, 0.4)
    start, end = side * rng.uniform(0.5, reach), -side * rng.uniform(0.3, reach)
    return Role((start, z), (end, max(3.0, z + drift)))


def _staying(x: float, z: float, gait: Gait) -> Role:
    return Role((x, z), (x, z), gait)


def easy(rng: np.random.Generator) -> Script:
    """Two or three strollers, apart from each other."""
    roles: list[Role] = []
    for number, z in enumerate(_depths(rng, int(rng.integers(2, 4)), near=4.2, far=5.4)):
        x = -0.65 + 0.6 * number + rng.uniform(-0.05, 0.05)
        roles.append(Role((x, z), (x + rng.uniform(0.25, 0.45), z + rng.uniform(-0.6, 0.6))))
    return Script(("easy",), ("park", "square"), roles)


def crossing(rng: np.random.Generator) -> Script:
    """People meet and pass in front of each other."""
    depths = _depths(rng, 5, near=3.6, far=6.2)
    roles = [_passing(rng, z, 1.0 if i % 2 else -1.0) for i, z in enumerate(depths[:4])]
    roles.append(_staying(rng.uniform(-0.3, 0.3), 6.8, motion.wave))
    return Script(("crossing",), ("square", "street"), roles)


def team(rng: np.random.Generator) -> Script:
    """Team mates in equal clothes cross each other, some of them running."""
    depths = _depths(rng, 5, near=3.8, far=6.0)
    roles = [_passing(rng, z, 1.0 if i % 2 else -1.0, 0.95) for i, z in enumerate(depths)]
    dressed = [replace(role, clothes_of=None if i < 2 else i % 2) for i, role in enumerate(roles)]
    return Script(("look_alike", "crossing", "fast_motion"), ("park", "hall"), dressed, shake=0.002)


def hiding(rng: np.random.Generator) -> Script:
    """People disappear behind trees, posts and cars, and come out again."""
    depths = _depths(rng, 4, near=5.0, far=6.4)
    roles = [_passing(rng, z, 1.0 if i % 2 else -1.0) for i, z in enumerate(depths[:3])]
    roles.append(_staying(rng.uniform(0.15, 0.3), depths[3], motion.stand))
    tall, low = str(rng.choice(["tree", "post"])), str(rng.choice(["car", "hedge"]))
    side = float(rng.choice([-1.0, 1.0]))
    occluders = [(tall, 0.3 * side, 4.0), (low, -0.95 * side, 4.4)]
    return Script(("occlusion", "crossing"), ("park", "street"), roles, occluders)


def following(rng: np.random.Generator) -> Script:
    """A panning, shaking camera; people enter and leave the picture."""
    depths = _depths(rng, 4, near=3.8, far=6.2)
    way = float(rng.choice([-1.0, 1.0]))
    roles = [
        Role((-0.5 * way, depths[0]), (0.75 * way, depths[0])),
        Role((-1.3 * way, depths[1]), (0.6 * way, depths[1] + 0.4)),
        Role((1.4 * way, depths[2]), (0.1 * way, depths[2])),
        Role((-0.2 * way, depths[3]), (-0.4 * way, depths[3] + 0.6)),
    ]
    return Script(("camera_motion", "entering"), ("street", "square", "hall"), roles, pan=0.34 * way, shake=0.008)


def dancing(rng: np.random.Generator) -> Script:
    """A group dances fast with motion blur, swapping positions in pairs; two wear the same."""
    count = int(rng.integers(4, 6))
    columns = np.linspace(-0.65, 0.65, count) + rng.uniform(-0.06, 0.06, count)
    order = np.arange(count)
    order[:2], order[2:4] = order[1::-1], order[3:1:-1]
    roles: list[Role] = []
    for i, z in enumerate(_depths(rng, count, near=4.0, far=5.6)):
        gait = motion.exercise if i == 4 else motion.dance
        roles.append(Role((columns[i], z), (columns[order[i]], z), gait, clothes_of=0 if i == 2 else None))
    return Script(
        ("fast_motion", "motion_blur", "look_alike", "crossing"), ("hall", "square"), roles, shake=0.002, blurred=True
    )


def night(rng: np.random.Generator) -> Script:
    """Crossing people in low light, behind a post."""
    depths = _depths(rng, 4, near=3.7, far=5.8)
    roles = [_passing(rng, z, 1.0 if i % 2 else -1.0) for i, z in enumerate(depths)]
    post = [("post", float(rng.uniform(-0.4, 0.4)), 3.4)]
    return Script(("low_light", "crossing", "occlusion"), ("street", "square"), roles, post, shake=0.003, dark=True)


def race(rng: np.random.Generator) -> Script:
    """Runners come towards the camera and go away from it, before a crowd that no one annotates one by one."""
    roles = [
        Role((-0.6, 7.6), (-0.25, 3.2), motion.run),
        Role((0.15, 8.0), (0.5, 3.6), motion.run),
        Role((0.55, 3.3), (0.05, 7.4), motion.run),
        Role((-1.35, 4.6), (0.5, 4.9)),
        _staying(-0.75, 5.5, motion.wave),
    ]
    moved = [replace(r, start=(r.start[0] + rng.uniform(-0.1, 0.1), r.start[1])) for r in roles[:4]] + roles[4:]
    tags = ("scale_change", "crowd", "fast_motion", "motion_blur", "entering")
    return Script(tags, ("street", "park"), moved, zoom=float(rng.uniform(1.0, 1.15)), blurred=True, spectators=9)


SCRIPTS: Final[tuple[Callable[[np.random.Generator], Script], ...]] = (
    crossing, dancing, hiding, team, following, race, night, easy,
)  # fmt: skip
"""In the order in which videos take them, over and over."""

PICTURE_GAITS: Final[Mapping[Gait, float]] = {
    motion.stroll: 0.25, motion.stride: 0.2, motion.stand: 0.15, motion.run: 0.12, motion.wave: 0.08, motion.dance: 0.1,
    motion.exercise: 0.04, motion.sit: 0.03, motion.reach: 0.03,
}  # fmt: skip
"""How often people in pictures do what: mostly what people in the videos do."""


def snapshot(rng: np.random.Generator) -> Script:
    """One picture: one to four people side by side, near and far, sometimes half hidden, dark or before a crowd."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.15, 0.35, 0.35, 0.15]))
    roles: list[Role] = []
    for position in rng.permutation(count):
        z = float(rng.choice([rng.uniform(2.0, 3.2), rng.uniform(3.2, 5.6)], p=[0.12, 0.88]))
        x = 0.75 * (2 * (position + rng.uniform(0.1, 0.9)) / count - 1)
        gait = list(PICTURE_GAITS)[int(rng.choice(len(PICTURE_GAITS), p=list(PICTURE_GAITS.values())))]
        twin = 0 if roles and rng.random() < 0.12 else None
        facing = float(rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.normal(np.pi, 0.5))
        roles.append(Role((float(x), z), (float(x), z), gait, twin, facing))
    return Script(
        tags=(),
        settings=("street", "park", "square", "hall"),
        roles=roles,
        occluders=[_picture_occluder(rng)] if rng.random() < 0.15 else [],
        blurred=bool(rng.random() < 0.1),
        dark=bool(rng.random() < 0.08),
        spectators=int(rng.integers(6, 11)) if rng.random() < 0.12 else 0,
    )


def _picture_occluder(rng: np.random.Generator) -> tuple[str, float, float]:
    kind = str(rng.choice(["tree", "post", "car", "hedge"], p=[0.3, 0.35, 0.1, 0.25]))
    side = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.8, 1.0)) if kind == "car" else float(rng.uniform(-0.7, 0.7))
    return kind, side, float(rng.uniform(2.6, 4.2))
