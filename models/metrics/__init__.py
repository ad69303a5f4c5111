"""The metrics of the field on arrays: poseval's AP and CLEAR MOT per joint, PoseTrack21's pose-HOTA."""
