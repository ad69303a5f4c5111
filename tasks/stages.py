"""The one list of the stages, in pipeline order; what else must know them derives it from here."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tasks.params.sections import Params

_TABLE_WITH_MAPS_OF_ITS_OWN: Final = 7
"""The table of `ablate` that recovers poses once more, by unrefined maps."""


def _never(params: "Params") -> bool:
    return False


def _always(params: "Params") -> bool:
    return True


@dataclass(frozen=True)
class Stage:
    """What the drivers know of a stage; its name is also its module, its params section and its DVC stage."""

    name: str
    meaning: str
    weights: str | None = None
    """Network whose weight file it trains, as in artifacts/models/<weights>.safetensors."""
    is_sharded: Callable[["Params"], bool] = _never
    """Whether it works on shards, which Ray actors may take, by the params of the run."""
    fits_external_corpus: bool = False
    """Whether it runs on a corpus outside the checkout, by networks that are trained already."""

    @property
    def trains(self) -> bool:
        """Whether it trains a network."""
        return self.weights is not None


_LIST: Final = (
    Stage(
        "index",
        "read and check the corpus: videos, frames, pictures, persons, and what was rejected",
        fits_external_corpus=True,
    ),
    Stage("pretrain", "train the pose network on COCO persons (6.1)", weights="pose_pretrained"),
    Stage("finetune", "train it further on PoseTrack persons (6.1)", weights="pose"),
    Stage("train_siamese", "train the Siamese network on warped COCO pictures (4.1, 4.3)", weights="siamese"),
    Stage(
        "train_refinement",
        "train the refinement of its maps, the Siamese network frozen (4.2, 4.3)",
        weights="correspondence",
    ),
    Stage("train_reid", "train the re-identification baseline on PoseTrack tracks (6.2)", weights="reid"),
    Stage(
        "detect",
        "person boxes of every frame, from a file or a detector (6.1)",
        is_sharded=lambda chosen: chosen.detect.source in ("network", "torchvision"),
        fits_external_corpus=True,
    ),
    Stage("estimate", "poses in these boxes (6.1, A.1)", is_sharded=_always, fits_external_corpus=True),
    Stage(
        "recover",
        "missed poses, correspondences and affinities between frames (5.1)",
        is_sharded=_always,
        fits_external_corpus=True,
    ),
    Stage("track", "associate poses into tracks, from tables alone (5.2, A.3)", fits_external_corpus=True),
    Stage("merge", "join the tracks of one person across gaps (A.4)", is_sharded=_always, fits_external_corpus=True),
    Stage(
        "export",
        "tracks in the field's formats, and as tables with names and times",
        fits_external_corpus=True,
    ),
    Stage("score", "mAP, MOTA, identity switches and HOTA against the annotations (6)", fits_external_corpus=True),
    Stage(
        "ablate",
        "the paper's tables 2 to 7 (6.2 to 6.4)",
        is_sharded=lambda chosen: _TABLE_WITH_MAPS_OF_ITS_OWN in chosen.ablate.tables,
    ),
    Stage("report", "one HTML page of it all", fits_external_corpus=True),
)

STAGES: Final = MappingProxyType({stage.name: stage for stage in _LIST})
"""Each stage by its name."""
