"""One random stream per named purpose, so that no part of the corpus shares its randomness with another."""

import hashlib
from dataclasses import dataclass

import numpy as np

from tasks.demo_corpus.params import CorpusParams


def stream_key(seed: int, *names: str | int) -> int:
    """The 128-bit key of a named stream: equal names give equal keys, other names never meet in practice."""
    text = "/".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A fresh generator of the stream `names` below `seed`."""
    return np.random.Generator(np.random.PCG64(stream_key(seed, *names)))


@dataclass(frozen=True)
class SceneSeed:
    """Where a scene is staged: the corpus, its seed, the namespace and the number of the scene."""

    corpus: CorpusParams
    seed: int
    namespace: str
    number: int

    def stream(self, purpose: str, *names: str | int) -> np.random.Generator:
        """The random stream of one purpose of this scene."""
        return generator(self.seed, self.namespace, self.number, purpose, *names)
