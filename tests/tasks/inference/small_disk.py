"""Runs stages on a disk that is too small, with a corpus that may only be read; run in a mount name space of its own.

Reads JSON: root (a workspace), params, stages. Its files are copied to a small tmpfs, which grows by and by after each
fault of the machine. Prints the messages of the faults as JSON; the tables end up in root/out.
"""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from tasks.errors import MachineError, machine_fault
from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.workspace import Workspace

STEP_KIB = 24


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def resized(disk, kib):
    mount("-o", f"remount,size={kib}k", disk)


def until_done(case, disk):
    """Run the stages until none meets a fault; gives the messages of the faults."""
    faults, kib = [], shutil.disk_usage(disk).used // 1024 + STEP_KIB
    resized(disk, kib)
    params = Params.model_validate(case["params"])
    for stage in case["stages"]:
        while len(faults) < 40:
            try:
                with as_current(Progress(None, stage)):
                    importlib.import_module(f"tasks.{stage}").run(Workspace.of_repository(disk), params)
                break
            except (MachineError, OSError) as error:
                if (message := machine_fault(error)) is None:
                    raise
                partial = [str(path) for path in disk.rglob("*.partial*")]
                faults.append({"stage": stage, "message": message, "partial": partial})
                kib += STEP_KIB
                resized(disk, kib)
    return faults


def main():
    case = json.loads(sys.stdin.read())
    root, disk = Path(case["root"]), Path(case["root"], "disk")
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", disk)
    shutil.copytree(root / "artifacts", disk / "artifacts")
    (disk / "data").mkdir()
    mount("--bind", root / "data", disk / "data")
    mount("-o", "remount,bind,ro", disk / "data")
    faults = until_done(case, disk)
    shutil.copytree(disk / "artifacts/tables", root / "out")
    sys.stdout.write(json.dumps(faults) + "\n")


main()
