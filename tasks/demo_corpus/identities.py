"""Who walks through the corpus: outfits, skin, hair and build, no outfit in two namespaces."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Final

import numpy as np

from tasks.demo_corpus.body import Build
from tasks.demo_corpus.seeds import generator

Colour = tuple[int, int, int]

NAMESPACES: Final = ("coco_train", "coco_val", "train", "val")
"""The four parts of the corpus; nothing random is shared between them."""

CLOTH: Final[tuple[Colour, ...]] = (
    (196, 40, 44), (226, 120, 40), (236, 200, 60), (110, 160, 50), (30, 110, 70), (40, 160, 170), (40, 90, 180),
    (28, 40, 96), (110, 60, 150), (220, 110, 160), (240, 236, 228), (150, 150, 150), (52, 52, 56), (120, 80, 50),
    (196, 170, 130), (130, 24, 50),
)  # fmt: skip
LOWER: Final[tuple[Colour, ...]] = (
    (44, 58, 96), (88, 110, 150), (36, 36, 40), (120, 116, 108), (180, 160, 124), (92, 72, 52), (70, 84, 60),
    (140, 40, 40), (220, 216, 206), (60, 44, 80),
)  # fmt: skip
SKIN: Final[tuple[Colour, ...]] = (
    (245, 213, 190), (236, 196, 164), (224, 178, 142), (204, 152, 114), (176, 122, 86), (142, 94, 64), (108, 70, 48),
    (76, 50, 36),
)  # fmt: skip
HAIR: Final[tuple[Colour, ...]] = (
    (28, 22, 20), (50, 34, 24), (88, 58, 36), (136, 92, 52), (196, 156, 92), (150, 70, 36), (140, 136, 132),
    (216, 212, 206),
)  # fmt: skip
PATTERNS: Final = ("plain", "stripes", "hoops", "checks", "dots", "yoke", "print", "speckle")
HAIRSTYLES: Final = ("short", "short", "long", "tail", "bald", "cap", "curls")
LOWER_KINDS: Final = ("trousers", "trousers", "shorts", "skirt")
SLEEVES: Final = ("short", "short", "long", "none")


@dataclass(frozen=True)
class Outfit:
    """What makes two people's clothes the same or not."""

    pattern: str
    first: Colour
    second: Colour
    lower: Colour


@dataclass(frozen=True)
class Identity:
    """One person's looks; `key` names it in the whole corpus, `texture_seed` fixes prints and folds."""

    key: str
    outfit: Outfit
    skin: Colour
    hair: Colour
    hairstyle: str
    lower_kind: str
    sleeves: str
    shoes: Colour
    backpack: Colour | None
    build: Build
    texture_seed: int


@cache
def outfits_of(seed: int, namespace: str) -> tuple[Outfit, ...]:
    """All outfits that `namespace` may wear: every fourth of one shuffled wardrobe, so no two namespaces share any."""
    wardrobe = [
        Outfit(pattern, CLOTH[first], CLOTH[second], lower)
        for pattern, (first, second), lower in product(PATTERNS, product(range(len(CLOTH)), repeat=2), LOWER)
        if first != second and (pattern != "plain" or second == (first + 1) % len(CLOTH))
    ]
    order = generator(seed, "wardrobe").permutation(len(wardrobe))
    return tuple(wardrobe[i] for i in order[NAMESPACES.index(namespace) :: len(NAMESPACES)])


class Wardrobe:
    """Hands out identities of one namespace, each outfit once until the namespace's share is worn through."""

    def __init__(self, seed: int, namespace: str) -> None:
        self._seed, self._namespace = seed, namespace
        self._outfits = outfits_of(seed, namespace)

    def identity(self, scene: int, person: int) -> Identity:
        """The identity number `person` (below 24) of a scene; equal arguments give the same person."""
        key = f"{self._namespace}/{scene}/{person}"
        rng = generator(self._seed, "identity", key)
        outfit = self._outfits[(scene * 24 + person) % len(self._outfits)]
        tone = int(rng.integers(len(SKIN)))
        hair = HAIR[int(rng.integers(3))] if tone > 4 else HAIR[int(rng.integers(len(HAIR)))]
        return Identity(
            key=key,
            outfit=outfit,
            skin=_shade(SKIN[tone], rng),
            hair=_shade(hair, rng),
            hairstyle=str(rng.choice(HAIRSTYLES)),
            lower_kind=str(rng.choice(LOWER_KINDS)),
            sleeves=str(rng.choice(SLEEVES)),
            shoes=CLOTH[int(rng.integers(len(CLOTH)))],
            backpack=CLOTH[int(rng.integers(len(CLOTH)))] if rng.random() < 0.2 else None,
            build=_build(rng),
            texture_seed=int(rng.integers(2**31)),
        )

    def look_alike(self, model: Identity, scene: int, person: int) -> Identity:
        """Another person in the model's clothes, as team mates are: own face, hair, build and number."""
        other = self.identity(scene, person)
        return replace(
            other,
            outfit=model.outfit,
            lower_kind=model.lower_kind,
            sleeves=model.sleeves,
            shoes=model.shoes,
            backpack=None,
            skin=model.skin if person % 2 else other.skin,
        )


def _shade(colour: Colour, rng: np.random.Generator) -> Colour:
    moved = np.clip(np.array(colour) + rng.integers(-10, 11), 8, 250)
    return int(moved[0]), int(moved[1]), int(moved[2])


def _build(rng: np.random.Generator) -> Build:
    return Build(
        stature=float(rng.choice([rng.normal(1.72, 0.09), rng.normal(1.35, 0.1)], p=[0.88, 0.12])),
        girth=float(rng.uniform(0.85, 1.25)),
        shoulders=float(rng.uniform(0.92, 1.1)),
        hips=float(rng.uniform(0.92, 1.12)),
        legs=float(rng.uniform(0.95, 1.05)),
    )
