"""The field's file formats: COCO keypoints and results, PoseTrack17 and 18, MOT, and bare videos."""
