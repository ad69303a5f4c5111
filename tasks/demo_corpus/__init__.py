"""A synthetic corpus in the layouts of COCO keypoints and PoseTrack18, for the demo and the tests.

It shows that the chain runs, not how well it does on real video. `corpus.synthesise` writes it, `params.CorpusParams`
sizes it, `flow.write_flow` writes the true optical flow of its validation videos. This file imports nothing, so that
whoever reads the parameters does not depend on the renderer.
"""
