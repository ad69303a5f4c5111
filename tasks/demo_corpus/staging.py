"""Turns scripts into scenes: casts identities, walks them, places the camera, paints the world."""

import cv2
import numpy as np

from models.arrays import FloatArray
from tasks.demo_corpus import motion
from tasks.demo_corpus.backdrops import View, occluder, paint_backdrop
from tasks.demo_corpus.body import pose_skeleton
from tasks.demo_corpus.camera import Camera
from tasks.demo_corpus.crowds import add_crowd
from tasks.demo_corpus.figures import Figure
from tasks.demo_corpus.identities import Identity, Wardrobe
from tasks.demo_corpus.motion import Gait, Style, Walk
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.scenarios import SCRIPTS, Role, Script, snapshot
from tasks.demo_corpus.scenes import Light, Scene
from tasks.demo_corpus.seeds import SceneSeed, stream_key

EXPOSURE = 0.5
"""Share of the time between two frames during which the shutter is open, in blurred videos."""
FOCAL_PER_WIDTH = 1.0
MAX_SPEED = 3.2
"""Metres a second: nobody runs faster, however short the video."""
STEPPING, GIVEN_GAIT_STEPPING = 0.25, 1.0
"""Metres a second from which people look where they go: those who may choose their gait, and dancers and the like."""


def video_name(namespace: str, number: int) -> str:
    """The folder of a video, as poseval wants it: six digits, the source, a word."""
    return f"{(1 if namespace == 'train' else 2) * 10_000 + number + 1:06d}_mpii_demo"


def stage_video(corpus: CorpusParams, *, seed: int, namespace: str, number: int) -> Scene:
    """The scene of video `number` of "train" or "val"."""
    scene_seed = SceneSeed(corpus, seed, namespace, number)
    script = SCRIPTS[number % len(SCRIPTS)](scene_seed.stream("script"))
    labelled = _labelled(corpus.frames_per_video, number + 3 * (namespace == "val"))
    return _scene(
        scene_seed, script, name=video_name(namespace, number), size=(corpus.width, corpus.height), labelled=labelled
    )


def stage_picture(corpus: CorpusParams, *, seed: int, namespace: str, number: int) -> Scene:
    """The scene of picture `number` of "coco_train" or "coco_val", upright for one in three."""
    scene_seed = SceneSeed(corpus, seed, namespace, number)
    rng = scene_seed.stream("script")
    size = (corpus.width, corpus.height)
    if rng.random() < 0.33:
        size = (int(0.75 * corpus.width), int(1.15 * corpus.height))
    return _scene(scene_seed, snapshot(rng), name=f"{number + 1:012d}", size=size, labelled=(True,))


def _labelled(frames: int, number: int) -> tuple[bool, ...]:
    """Which frames are annotated: in some videos all, in others not the ends, not the middle, or every other one."""
    pattern = ("all", "ends", "all", "alternate", "all", "gap", "all", "ends")[number % 8]
    frame = np.arange(frames)
    chosen = {
        "all": frame >= 0,
        "ends": (frame >= 3) & (frame < max(4, frames - 2)),
        "alternate": frame % 2 == 1,
        "gap": np.abs(frame - frames // 2 + 0.5) > 2,
    }[pattern]
    marks = tuple(bool(mark) for mark in chosen)
    return marks if any(marks) else (True,) * frames


def _scene(
    scene_seed: SceneSeed, script: Script, *, name: str, size: tuple[int, int], labelled: tuple[bool, ...]
) -> Scene:
    frames = len(labelled)
    subframes = scene_seed.corpus.blur_subframes | 1 if script.blurred else 1
    seconds = _seconds(frames, subframes, scene_seed.corpus.frames_per_second)
    camera = _camera(scene_seed, script, size, seconds)
    view = _view(camera)
    rng = scene_seed.stream("backdrop")
    backdrop = paint_backdrop(view, rng, str(rng.choice(script.settings)), clutter=int(rng.integers(4, 9)))
    backdrop, crowd = add_crowd(scene_seed, script.spectators, view, backdrop)
    half_picture = 0.5 * size[0] / camera.focal[0]
    return Scene(
        name=name,
        tags=script.tags,
        seed=stream_key(scene_seed.seed, scene_seed.namespace, scene_seed.number),
        camera=camera,
        figures=_cast(scene_seed, script, camera, seconds),
        view=view,
        backdrop=backdrop,
        turns=camera.backdrop_maps(view.focal, (view.width / 2, view.horizon)),
        layers=[occluder(view, rng, kind=kind, x=x * half_picture * z, z=z) for kind, x, z in script.occluders],
        light=_light(scene_seed, script),
        frames=frames,
        subframes=subframes,
        crowd=crowd,
        clutter=_clutter(scene_seed, view),
        labelled=labelled,
    )


def _seconds(frames: int, subframes: int, rate: float) -> FloatArray:
    """Times (frames * subframes,) of all moments; the middle sub-frame lies on the frame's own time."""
    offsets = (np.arange(subframes) - subframes // 2) * EXPOSURE / max(1, subframes - 1)
    return np.maximum(0, (np.arange(frames)[:, None] + 0.5 + offsets).ravel() / rate)


def _camera(scene_seed: SceneSeed, script: Script, size: tuple[int, int], seconds: FloatArray) -> Camera:
    rng = scene_seed.stream("camera")
    share = seconds / max(float(seconds[-1]), 1e-6) - 0.5 if len(seconds) > 1 else np.zeros(1)
    smooth = share * (1.5 - 2 * share**2)
    speeds, phases = rng.uniform(4, 24, (3, 4, 1)), rng.uniform(0, 6.28, (3, 4, 1))
    shakes = script.shake * np.sin(speeds * seconds + phases).sum(1)
    tilt = float(rng.uniform(0.05, 0.12) if script.tags else rng.uniform(0.0, 0.2))
    focal = FOCAL_PER_WIDTH * scene_seed.corpus.width * rng.uniform(0.95, 1.05)
    return Camera(
        width=size[0],
        height=size[1],
        eye_height=float(rng.uniform(1.35, 1.75) if script.tags else rng.uniform(1.1, 2.1)),
        focal=focal * (1 + (script.zoom - 1) * (share + 0.5)),
        pan=script.pan * smooth + shakes[0],
        tilt=tilt + shakes[1],
        roll=float(rng.normal(0, 0.012)) + 0.5 * shakes[2],
    )


def _view(camera: Camera) -> View:
    """A straight-ahead view wide enough for every turn of the camera."""
    focal = float(camera.focal.min())
    corners = np.array([[0, 0], [camera.width, 0], [0, camera.height], [camera.width, camera.height]], np.float64)
    unit = camera.backdrop_maps(focal, (0.0, 0.0))
    seen = np.concatenate([cv2.perspectiveTransform(corners[None], np.linalg.inv(turn))[0] for turn in unit])
    low, high = seen.min(0) - 4, seen.max(0) + 4
    half = int(np.ceil(max(-low[0], high[0])))
    top = int(np.ceil(-low[1]))
    return View(2 * half, top + int(np.ceil(high[1])), focal, float(top), camera.eye_height)


def _light(scene_seed: SceneSeed, script: Script) -> Light:
    rng = scene_seed.stream("light")
    if script.dark:
        return Light(
            float(rng.uniform(0.28, 0.42)), (0.92, 0.97, 1.1), float(rng.uniform(4, 6)), float(rng.uniform(0.4, 0.7))
        )
    warm = float(rng.uniform(-0.05, 0.05))
    tint = (1 + warm, 1.0, 1 - warm)
    return Light(float(rng.uniform(0.85, 1.08)), tint, float(rng.uniform(0.8, 1.7)), float(rng.uniform(0.0, 0.6)))


def _clutter(scene_seed: SceneSeed, view: View) -> FloatArray:
    """Boxes of the backdrop, shaped like people, that a detector may fall for."""
    rng = scene_seed.stream("clutter")
    count = scene_seed.corpus.detector.false_positive_locations
    height = rng.uniform(0.15, 0.42, count) * scene_seed.corpus.height
    width = height * rng.uniform(0.3, 0.6, count)
    x = view.width / 2 + rng.uniform(-0.48, 0.48, count) * scene_seed.corpus.width
    y = view.horizon + rng.uniform(-0.1, 0.25, count) * scene_seed.corpus.height
    return np.stack([x - width / 2, y - height / 2, width, height], -1)


def _cast(scene_seed: SceneSeed, script: Script, camera: Camera, seconds: FloatArray) -> list[Figure]:
    wardrobe = Wardrobe(scene_seed.seed, scene_seed.namespace)
    identities: list[Identity] = []
    figures = []
    for i, role in enumerate(script.roles):
        model = None if role.clothes_of is None else identities[role.clothes_of]
        identities.append(
            wardrobe.look_alike(model, scene_seed.number, i) if model else wardrobe.identity(scene_seed.number, i)
        )
        rng = scene_seed.stream("motion", i)
        walk = _walk(role, rng, 0.5 * camera.width / camera.focal[0], seconds)
        gait = role.gait or _gait_of(float(walk.speed.mean()))
        skeleton = pose_skeleton(gait(walk, Style.draw(rng)), identities[-1].build)
        figures.append(Figure(identities[-1], skeleton, camera))
    return figures


def _gait_of(speed: float) -> Gait:
    if speed < STEPPING:
        return motion.stand
    return motion.stroll if speed < 1.15 else motion.stride if speed < 2.0 else motion.run


def _walk(role: Role, rng: np.random.Generator, half_picture: float, seconds: FloatArray) -> Walk:
    """A gently curved way from start to end, or the middle of it when time is too short."""
    start, end = (np.array([x * half_picture * z, z]) for x, z in (role.start, role.end))
    path, total = end - start, max(float(seconds[-1] - seconds[0]), 1e-6)
    length = float(np.hypot(*path))
    facing = float(rng.normal(np.pi, 0.45)) if role.facing is None else role.facing
    bow = rng.uniform(0.8, 1.6)
    if length == 0:
        still = np.zeros(len(seconds))
        return Walk(seconds, start + np.zeros((len(seconds), 2)), still + facing, still)
    speed = min(length / total, MAX_SPEED)
    share = 0.5 + (seconds - seconds[0] - total / 2) * speed / length
    aside = np.outer(0.12 * np.sin(np.pi * share * bow), np.array([-path[1], path[0]]) / length)
    position = start + share[:, None] * path + aside
    heading = float(np.arctan2(*path)) if speed > (STEPPING if role.gait is None else GIVEN_GAIT_STEPPING) else facing
    return Walk(seconds, position, np.full(len(seconds), heading), np.full(len(seconds), speed))
