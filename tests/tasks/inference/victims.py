"""Runs stages in child processes that are killed; the first case runs in this process, which warms it for the others.

Reads cases as JSON lines: root, params, stage, and what kills the child: `rename` (its `count`-th rename to a path that
ends so, `when` before or after it) or `seconds`. Answers each with the child's exit code, as `Popen` has it.
"""

import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.workspace import Workspace

importlib.import_module("tasks.inference.video_recovery")


def run(case):
    if "rename" in case:
        sys.addaudithook(killer(case["rename"], case["when"], case.get("count", 1)))
    if "seconds" in case:
        threading.Timer(case["seconds"], os.kill, (os.getpid(), signal.SIGKILL)).start()
    params = Params.model_validate_json(json.dumps(case["params"]))
    with as_current(Progress(None, case["stage"])):
        importlib.import_module(f"tasks.{case['stage']}").run(Workspace.of_repository(Path(case["root"])), params)


def killer(ending, when, count):
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        if seen == count:
            seen += 1  # os.kill is an event too
            os.kill(os.getpid(), signal.SIGKILL)  # the first event after the rename
        if event == "os.rename" and str(arguments[1]).endswith(ending):
            seen += 1
            if seen == count and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


run(json.loads(sys.stdin.readline()))  # so that the children begin warm
sys.stdout.write("0\n")
sys.stdout.flush()
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        try:
            run(json.loads(line))
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
    sys.stdout.flush()
