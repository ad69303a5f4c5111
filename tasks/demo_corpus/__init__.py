"""A synthetic corpus in the layouts of COCO keypoints and PoseTrack18, for the demo and the tests.

It shows that the chain runs, not how well it does on real footage.
"""

from tasks.demo_corpus.corpus import is_current, is_demo, synthesise
from tasks.demo_corpus.params import CorpusParams, DetectorParams

__all__ = ["CorpusParams", "DetectorParams", "is_current", "is_demo", "synthesise"]
