"""Surfaces of bodies: cloth, skin, faces and hair, as small RGB pictures wrapped around the parts.

Rows run along a limb (start to end) or down a head; columns run around, the middle one being the front.
"""

import cv2
import numpy as np

from models.arrays import IntArray, Picture
from tasks.demo_corpus.identities import Colour, Identity

ROWS, COLUMNS = 64, 96
CAP_ROWS = 8
"""Rows at each end that cover the rounded ends of a part."""


def body_textures(identity: Identity) -> dict[str, Picture]:
    """One (64,96,3) picture per kind of body part."""
    rng = np.random.Generator(np.random.PCG64(identity.texture_seed))
    cloth = _cloth(identity, rng)
    lower = _plain(identity.outfit.lower, rng)
    lower[:, COLUMNS // 4 - 1 : COLUMNS // 4 + 1] = lower[:, COLUMNS // 4 - 1 : COLUMNS // 4 + 1] // 2
    skin = _plain(identity.skin, rng, spread=4)
    short = identity.lower_kind != "trousers"
    return {
        "torso": _shirt(cloth, identity, rng),
        "upper_arm": _ending(cloth, skin, {"none": 0.08, "short": 0.62, "long": 2.0}[identity.sleeves]),
        "forearm": cloth if identity.sleeves == "long" else skin,
        "skin": skin,
        "lower": lower,
        "thigh": _ending(lower, skin, {"shorts": 0.75, "skirt": 0.5}.get(identity.lower_kind, 2.0)),
        "shin": skin if short else lower,
        "shoe": _shoe(identity, rng),
        "hair": _streaked(identity.hair, rng),
        "backpack": _backpack(identity, rng),
        "head": _head(identity, rng),
    }


def _plain(colour: Colour, rng: np.random.Generator, spread: float = 9) -> Picture:
    """A colour with soft folds."""
    grid = rng.standard_normal((8, 10), np.float32)
    folds = np.asarray(cv2.resize(grid, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.clip(np.array(colour, np.float32) + np.float32(spread) * folds[..., None], 0, 255).astype(np.uint8)


def _cloth(identity: Identity, rng: np.random.Generator) -> Picture:
    outfit = identity.outfit
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    period = int(rng.integers(10, 17))
    around = 12 if period > 12 else 8
    masks = {
        "plain": np.zeros((ROWS, COLUMNS), bool),
        "stripes": columns % around < around // 2,
        "hoops": rows % period < period // 2,
        "checks": (rows // (period // 2) + columns // (around // 2)) % 2 == 0,
        "dots": ((rows % period - period / 2) ** 2 + (columns % around - around / 2) ** 2) < (0.3 * around) ** 2,
        "yoke": rows > 0.62 * ROWS,
        "print": np.zeros((ROWS, COLUMNS), bool),
        "speckle": cv2.resize(rng.random((16, 24)).astype(np.float32), (COLUMNS, ROWS)) > 0.56,
    }
    picture = _plain(outfit.first, rng)
    picture[masks[outfit.pattern]] = _plain(outfit.second, rng)[masks[outfit.pattern]]
    return picture


def _shirt(cloth: Picture, identity: Identity, rng: np.random.Generator) -> Picture:
    """The torso: a neckline, and the difference of front (a print or buttons) and back (a number or nothing)."""
    picture = cloth.copy()
    middle = COLUMNS // 2
    second = tuple(int(v) for v in identity.outfit.second)
    cv2.ellipse(picture, (middle, ROWS), (9, 15), 0, 0, 360, identity.skin, -1)
    if identity.outfit.pattern == "print":
        _blob_print(picture, (middle, 34), second, rng)
    elif rng.random() < 0.45:
        dark = tuple(int(v) for v in np.array(identity.outfit.first) // 2)
        cv2.line(picture, (middle, 8), (middle, ROWS - 14), dark, 1)
        cv2.rectangle(picture, (middle + 5, 40), (middle + 9, 45), second, -1)
    if rng.random() < 0.4 or identity.outfit.pattern == "print":
        _back_number(picture, second, str(int(rng.integers(1, 99))))
    picture[: CAP_ROWS + 4] = _plain(identity.outfit.lower, rng)[: CAP_ROWS + 4]
    return picture


def _blob_print(picture: Picture, centre: tuple[int, int], colour: tuple[int, ...], rng: np.random.Generator) -> None:
    kind = int(rng.integers(3))
    x, y = centre
    if kind == 0:
        cv2.circle(picture, centre, 9, colour, -1)
        cv2.circle(picture, centre, 4, (250, 250, 250), -1)
    elif kind == 1:
        cv2.fillPoly(picture, [np.array([[x - 10, y + 8], [x, y - 9], [x + 10, y + 8]])], colour)
    else:
        cv2.rectangle(picture, (x - 11, y - 5), (x + 11, y + 5), colour, -1)
        cv2.line(picture, (x - 8, y), (x + 8, y), (250, 250, 250), 2)


def _back_number(picture: Picture, colour: tuple[int, ...], text: str) -> None:
    """A number around the seam column, upright as the torso stands (row 0 is the hip)."""
    patch = np.zeros((22, 36, 3), np.uint8)
    cv2.putText(patch, text, (2, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    patch = patch[::-1, ::-1]
    shifted = np.roll(picture, COLUMNS // 2, axis=1)
    window = shifted[28:50, COLUMNS // 2 - 18 : COLUMNS // 2 + 18]
    window[patch[..., 0] > 0] = colour
    picture[:] = np.roll(shifted, -(COLUMNS // 2), axis=1)


def _ending(cloth: Picture, skin: Picture, share: float) -> Picture:
    """Cloth down to `share` of a limb, skin below."""
    picture = skin.copy()
    end = min(ROWS, int(CAP_ROWS + share * (ROWS - 2 * CAP_ROWS)))
    picture[:end] = cloth[:end]
    if end < ROWS:
        picture[end - 2 : end] = picture[end - 2 : end] // 2
    return picture


def _shoe(identity: Identity, rng: np.random.Generator) -> Picture:
    picture = _plain(identity.shoes, rng)
    picture[ROWS // 2 :, :] = np.clip(picture[ROWS // 2 :, :].astype(int) + 24, 0, 255).astype(np.uint8)
    return picture


def _streaked(colour: Colour, rng: np.random.Generator) -> Picture:
    streaks = 14 * rng.standard_normal((1, COLUMNS, 1), np.float32) + 4 * rng.standard_normal(
        (ROWS, COLUMNS, 1), np.float32
    )
    return np.clip(np.array(colour, np.float32) + streaks, 0, 255).astype(np.uint8)


def _backpack(identity: Identity, rng: np.random.Generator) -> Picture:
    picture = _plain(identity.backpack or (90, 90, 90), rng)
    picture[28:32] = picture[28:32] // 2
    return picture


def _head(identity: Identity, rng: np.random.Generator) -> Picture:
    """The head as longitude and latitude: hair above and behind, the face around the middle column."""
    skin = np.array(identity.skin)
    picture = _plain(identity.skin, rng, spread=3)
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    side = np.abs(columns - COLUMNS / 2) / (COLUMNS / 2)
    cover = {"bald": 0.0, "cap": 22.0, "short": 20.0, "long": 22.0, "tail": 20.0, "curls": 24.0}[identity.hairstyle]
    edge = cover + np.clip(side - 0.38, 0, None) * (70 if cover else 0)
    hair = rows < np.where(side > 0.5, np.minimum(edge, 46), cover)
    picture[hair] = _streaked(identity.hair, rng)[hair]
    if identity.hairstyle == "cap":
        picture[rows < 21] = np.array(identity.outfit.second)
    _face(picture, skin, identity, rng)
    return picture


def _face(picture: Picture, skin: IntArray, identity: Identity, rng: np.random.Generator) -> None:
    dark = tuple(int(v) for v in skin * 0.55)
    rosy = tuple(int(v) for v in np.clip(skin * (0.86, 0.55, 0.55), 0, 255))
    middle = COLUMNS // 2
    for sign in (-1, 1):
        eye = middle + sign * 7
        cv2.ellipse(picture, (eye, 29), (4, 2), 0, 0, 360, (244, 244, 240), -1)
        cv2.circle(picture, (eye, 29), 2, (30, 24, 20), -1)
        cv2.line(picture, (eye - 4, 25), (eye + 4, 25), tuple(int(v * 0.7) for v in identity.hair), 1)
        cv2.ellipse(picture, (middle + sign * 24, 32), (3, 5), 0, 0, 360, tuple(int(v) for v in skin * 0.78), -1)
    cv2.line(picture, (middle, 30), (middle, 36), tuple(int(v) for v in skin * 0.8), 2)
    cv2.line(picture, (middle - 2, 37), (middle + 2, 37), dark, 1)
    cv2.ellipse(picture, (middle, 43), (5, 1), 0, 0, 360, rosy, -1)
    if identity.hairstyle in ("short", "bald") and rng.random() < 0.3:
        beard = (np.indices(picture.shape[:2])[0] > 40) & (np.abs(np.indices(picture.shape[:2])[1] - middle) < 20)
        picture[beard] = (0.5 * picture[beard] + 0.5 * np.array(identity.hair)).astype(np.uint8)
        cv2.ellipse(picture, (middle, 43), (4, 1), 0, 0, 360, rosy, -1)


def pyramid(picture: Picture) -> list[Picture]:
    """The picture at full, half, quarter and eighth size, so that a small person's cloth does not flicker."""
    levels = [picture]
    while len(levels) < 4:
        rows, columns = levels[-1].shape[:2]
        levels.append(
            np.asarray(cv2.resize(levels[-1], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA), np.uint8)
        )
    return levels
