"""Crowds in the background, which annotators mark as a region instead of person by person."""

import cv2
import numpy as np

from models.arrays import FloatArray, Picture
from tasks.demo_corpus import motion
from tasks.demo_corpus.backdrops import View
from tasks.demo_corpus.body import pose_skeleton
from tasks.demo_corpus.camera import Camera
from tasks.demo_corpus.canvas import Canvas
from tasks.demo_corpus.figures import Figure
from tasks.demo_corpus.identities import Wardrobe
from tasks.demo_corpus.motion import Style, Walk
from tasks.demo_corpus.seeds import SceneSeed

FIRST_SPECTATOR = 8
"""Number of the first identity of a scene that stands in its crowd."""


def add_crowd(
    scene_seed: SceneSeed, spectators: int, view: View, backdrop: Picture
) -> tuple[Picture, list[FloatArray]]:
    """Paints `spectators` far away onto the backdrop; returns it with the outlines (N,2) around them, in its pixels."""
    if not spectators:
        return backdrop, []
    # A camera's axis meets the middle of its picture, the backdrop's horizon does not: paint on a taller sheet.
    reach = int(np.ceil(max(view.horizon, view.height - view.horizon)))
    top = reach - int(view.horizon)
    sheet = cv2.copyMakeBorder(backdrop, top, 2 * reach - top - view.height, 0, 0, cv2.BORDER_REPLICATE)
    canvas = Canvas(np.asarray(sheet, np.uint8))
    for figure in _spectators(scene_seed, spectators, view, 2 * reach):
        for owner, part in enumerate(figure.parts(0)):
            canvas.draw(part, owner=owner)
    rows, columns = np.nonzero(canvas.owner >= 0)
    if len(rows) < 3:
        return backdrop, []
    painted = np.clip(canvas.colours[top : top + view.height], 0, 255).astype(np.uint8)
    hull = np.asarray(cv2.convexHull(np.stack([columns, rows - top], -1).astype(np.float32)), np.float64)[:, 0]
    middle = hull.mean(0)
    return painted, [middle + 1.06 * (hull - middle)]


def _spectators(scene_seed: SceneSeed, count: int, view: View, sheet_height: int) -> list[Figure]:
    """People side by side, farthest first, looking at the camera; some of them wave."""
    rng = scene_seed.stream("crowd")
    still = np.zeros(1)
    camera = Camera(view.width, sheet_height, view.eye_height, still + view.focal, still, still, still)
    wardrobe = Wardrobe(scene_seed.seed, scene_seed.namespace)
    start = rng.uniform(-0.75, 0.1)
    figures = []
    for i, z in enumerate(sorted(rng.uniform(8.4, 9.8, count), reverse=True)):
        x = (start + 0.1 * i + rng.uniform(-0.03, 0.03)) * 0.5 * scene_seed.corpus.width / view.focal * z
        walk = Walk(still, np.array([[x, z]]), np.array([rng.normal(np.pi, 0.4)]), still)
        identity = wardrobe.identity(scene_seed.number, FIRST_SPECTATOR + i)
        gait = motion.wave if rng.random() < 0.3 else motion.stand
        figures.append(Figure(identity, pose_skeleton(gait(walk, Style.draw(rng)), identity.build), camera))
    return figures
