"""A synthetic corpus in the layouts of COCO keypoints and PoseTrack18, for the demo and the tests.

It shows that the chain runs, not how well it does on real footage. Nothing is imported here: params.yaml's classes
need `params` alone, and a change of the synthesiser must make no stage stale but `index`. See `corpus.synthesise`.
"""
