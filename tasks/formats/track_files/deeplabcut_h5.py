"""Tracks in the HDF5 form of multi-animal DeepLabCut, which pandas.read_hdf and tools for behaviour read."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from tasks.formats.track_files.deeplabcut_csv import COORDS, LEVELS, SCORER, column_names, row_of_frame
from tasks.formats.track_files.shown_poses import frames_with_poses
from tasks.formats.tracked_video import TrackedVideo

KEY: Final = "df_with_missing"
"""Name of the table in DeepLabCut's files."""


class DeepLabCutH5:
    """The table of `DeepLabCutCsv` with frames from 0 as its index; a video without tracks has no columns."""

    ending = ".h5"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; equal tables are equal bytes, since no time is stored with them."""
        import pandas as pd

        frames = list(frames_with_poses(video))
        tracks = sorted({pose.track_id for frame in frames for pose in frame.poses})
        rows = [row_of_frame(frame, tracks)[1:] for frame in frames]
        names = [(SCORER, *column) for column in column_names(tracks)] or [(SCORER, "", "", axis) for axis in COORDS]
        values = np.array(rows, dtype=np.float64).reshape(len(frames), -1)
        if not tracks:
            values = np.full((len(frames), len(COORDS)), np.nan)
        index = pd.Index([frame.index for frame in frames], dtype=np.int64)
        columns = pd.MultiIndex.from_tuples(names, names=["scorer", *LEVELS])
        yield _stored(pd.DataFrame(values, index=index, columns=columns))


def _stored(table: Any) -> bytes:
    """The file as DeepLabCut writes it, made in memory."""
    import pandas as pd

    store: Any = pd.HDFStore("memory.h5", mode="w", driver="H5FD_CORE", driver_core_backing_store=0)
    with store:
        store.put(KEY, table, format="table", track_times=False, index=False)
        return bytes(store._handle.get_file_image())
