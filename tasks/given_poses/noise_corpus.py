"""The corpus of the noise bench: validation videos that no network and no threshold has seen, long enough for gaps."""

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.demo_corpus.corpus import is_current, synthesise
from tasks.demo_corpus.params import CorpusParams
from tasks.trend.home import fresh_seeds

if TYPE_CHECKING:
    from tasks.params.sections import Params


def fresh_corpus(root: Path, params: "Params", *, frames: int) -> str:
    """Synthesise the corpus as the folder `root` unless it is there, and describe it in words.

    Its seed is that of the first corpus that `make trend` judges on; its videos are longer and so are others.
    """
    seed = fresh_seeds(params.run.seed, 1)[0]
    corpus: CorpusParams = params.index.demo_corpus.model_copy(
        update={"coco_train_images": 0, "coco_val_images": 0, "train_videos": 0, "frames_per_video": frames}
    )
    if not is_current(root, corpus, seed):
        root.parent.mkdir(parents=True, exist_ok=True)
        synthesise(root, corpus, seed=seed, report=lambda *_: None)
    return f"{corpus.val_videos} synthesised validation videos of {frames} frames at {corpus.frames_per_second:g} Hz"
