"""The formats that tracks are exported to, by name.

A new format is a module with a class that has the two members of `TrackFormat`, and an entry here.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from tasks.errors import require_packages
from tasks.formats.coco_results import CocoTracks
from tasks.formats.posetrack_tracks import Posetrack17Tracks, Posetrack18Tracks
from tasks.formats.track_files.coco_tracks import CocoVideoTracks
from tasks.formats.track_files.cvat import CvatTracks
from tasks.formats.track_files.deeplabcut_csv import DeepLabCutCsv
from tasks.formats.track_files.deeplabcut_h5 import DeepLabCutH5
from tasks.formats.track_files.json_lines import JsonLines
from tasks.formats.track_files.keypoint_table import KeypointTable
from tasks.formats.track_files.mot_boxes import MotBoxes
from tasks.formats.track_files.nwb import NwbTracks
from tasks.formats.track_files.rerun import RerunRecording
from tasks.formats.track_files.sleap import SleapLabels
from tasks.formats.track_files.wide_csv import CsvTracks
from tasks.formats.tracked_video import TrackFormat

TRACK_FORMATS: Final[Mapping[str, TrackFormat]] = MappingProxyType(
    {
        "posetrack18": Posetrack18Tracks(),
        "posetrack17": Posetrack17Tracks(),
        "coco": CocoTracks(),
        "table": KeypointTable(),
        "csv": CsvTracks(),
        "jsonl": JsonLines(),
        "mot": MotBoxes(),
        "coco-tracks": CocoVideoTracks(),
        "cvat": CvatTracks(),
        "deeplabcut": DeepLabCutCsv(),
        "deeplabcut-h5": DeepLabCutH5(),
        "nwb": NwbTracks(),
        "sleap": SleapLabels(),
        "rerun": RerunRecording(),
    }
)
"""The name is that of the folder below artifacts/exports and of the entry in `export`'s lists of formats."""


_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "deeplabcut-h5": ("tables",),
        "nwb": ("pynwb", "ndx_pose"),
        "sleap": ("sleap_io",),
        "rerun": ("rerun",),
    }
)
"""Names to import, by the format of tracks that needs them."""


def require_formats(names: Iterable[str]) -> None:
    """Check that what the formats need is installed, before anything is written.

    Raises:
        InputError: a package is not.
    """
    for name in names:
        require_packages(f"format {name}", *_PACKAGES.get(name, ()))
