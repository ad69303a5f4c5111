"""What `corrtrack reprocess` is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PRETRAINED: Final = ("torchvision",)
"""Public networks whose boxes and poses can be tracked."""


@dataclass(frozen=True)
class ReprocessRequest:
    """The corpus to track, the out folder, and what to track by, as the user named them."""

    corpus: Path
    """Its files: with a URL those of its cache."""
    out: Path
    weights: Path | None
    detections: tuple[Path, ...]
    poses: Path | None = None
    pose_format: str | None = None
    """A name of `registry.FORMATS`; None: what params.yaml says."""
    pretrained: str | None = None
    """A name of `PRETRAINED`, whose boxes and poses are tracked."""
    people: str | None = None
    """What clips and overlays show of people, a value of `report.people`; None: what params.yaml says."""
    settle_seconds: float = 0.0
    """How long a video must be unchanged to be taken; 0 takes all at once."""
    profile: str | None = None
    """A profile to track by instead of params.yaml, which stays as it is."""
    settings: tuple[str, ...] = ()
    """Values of this run alone, each "section.key=value"."""
    formats: tuple[str, ...] = ()
    """Formats that the tracks are written in besides those of the params."""
    attempts: int = 3
    """How often a fault of the machine may hit a video before it is given up."""
    url: str | None = None
    """Where the corpus is fetched from, in an object store; None: it lies on a disk."""

    @property
    def corpus_name(self) -> str:
        """The corpus as the user knows it."""
        return self.url or str(self.corpus.expanduser().resolve())

    @property
    def quiet_seconds(self) -> float:
        """How long a video must be unchanged to be taken; objects of a store appear whole."""
        return 0.0 if self.url else self.settle_seconds

    @property
    def inputs(self) -> list[Path]:
        """Every path of the user's that is read."""
        return [*([] if self.url else [self.corpus]), *self.detections, *([] if self.poses is None else [self.poses])]
