"""Whether any pose of files can be tracked, before the stages behind the index run."""

from typing import TYPE_CHECKING

from tasks.errors import InputError
from tasks.formats.pose_files.corpus import POSES_FOLDER
from tasks.tables import read_table
from tasks.tables.schemas import FILE_POSES, REJECTS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def require_usable_poses(workspace: Workspace, params: "Params") -> None:
    """Check that the index holds a pose where poses are to come from files.

    Args:
        workspace: its tables file_poses and rejects are read.
        params: params of the run; other sources of boxes than poses always pass.

    Raises:
        InputError: it rejected all of them; the message has the first reason.
    """
    if params.detect.source != "poses" or len(read_table(FILE_POSES, FILE_POSES.path(workspace.tables))):
        return
    table = read_table(REJECTS, REJECTS.path(workspace.tables)).to_pylist()
    rejects = [row for row in table if row["source"].split("/")[0] == POSES_FOLDER]
    if rejects:
        more = f" ({len(rejects)} rejects like this)" if len(rejects) > 1 else ""
        where = ", ".join(text for text in (rejects[0]["source"], rejects[0]["location"]) if text)
        raise InputError(f"no pose can be used, so there is nothing to track; {where}: {rejects[0]['reason']}{more}")
