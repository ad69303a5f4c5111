"""The networks of the paper: backbone, pose, correspondence, re-identification and the person detector."""
