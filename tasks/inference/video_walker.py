"""The networks that recovery needs, loaded once, and videos walked with them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from models.networks.correspondence import load_correspondence
from models.networks.pose import load_pose
from tasks.inference.box_source_poses import BoxSourcePoses
from tasks.inference.correspondence_maps import CorrespondenceMaps
from tasks.inference.networks import loaded
from tasks.inference.pose_estimator import PoseEstimator
from tasks.inference.recovered_poses import Recovery
from tasks.inference.video_walk import VideoWalk
from tasks.inference.videos import Video
from tasks.params.estimate import EstimateParams
from tasks.params.recover import RecoverParams


class VideoWalker:
    """Recovery, correspondences and affinities of any number of videos, one after the other.

    Args:
        pose_weights: file of the pose network.
        correspondence_weights: file of the correspondence network.
        estimate: how a recovered pose is estimated, as the detected ones were.
        recover: parameters of the stage.
        refine: False leaves the refinement network out.
    """

    def __init__(
        self,
        pose_weights: Path,
        correspondence_weights: Path,
        *,
        estimate: EstimateParams,
        recover: RecoverParams,
        refine: bool = True,
    ) -> None:
        self._params = recover
        self._recovery = Recovery(PoseEstimator(loaded(load_pose, pose_weights), estimate), recover)
        network = loaded(load_correspondence, correspondence_weights)
        if not refine:
            network.refinement = None
        self._network = CorrespondenceMaps(network, recover)

    def walk(self, video: Video, poses: pa.Table, *, data: Path) -> dict[str, pa.Table]:
        """Rows of recovered_poses, correspondences and affinities, by table name, from the video's rows of poses."""
        sources = [
            BoxSourcePoses(source, video.frames_of(source), poses.filter(pc.field("box_source") == source))
            for source in sorted(set(poses["box_source"].to_pylist()))
        ]
        walk = VideoWalk(video.video_id, sources, network=self._network, recovery=self._recovery, params=self._params)
        return walk.run(video.open(data))
