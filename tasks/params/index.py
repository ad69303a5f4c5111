"""Section of the stage `index`."""

from tasks.demo_corpus.params import CorpusParams
from tasks.params.section import Section


class IndexParams(Section):
    """The corpus: what is read, and what the demo corpus looks like when there is none."""

    pose_format: str
    """Format of the poses in data/poses: a name that `corrtrack reprocess --help` lists, or auto."""
    demo_corpus: CorpusParams
    """Size, look and detector of the synthesised corpus; of no effect on a corpus that is there."""
