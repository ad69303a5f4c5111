"""Which stage works when, by a real Prefect flow on a real Prefect server."""

import io
import os
import threading
from pathlib import Path

import psutil
import pytest
from httpx import ConnectError
from rich.console import Console

from flows.runtime.outcomes import ExitCode, StageFailedError, StageOutcome
from flows.runtime.prefect_flow import flow, side_by_side, update
from flows.runtime.prefect_server import PrefectServer
from flows.runtime.process_runner import ProcessRunner
from flows.runtime.processes import RunFile
from flows.runtime.progress_view import PlainView
from flows.runtime.repository import Repository

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[3]
AFTER = {
    "index": [],
    "pretrain": ["index"],
    "finetune": ["pretrain"],
    "train_siamese": ["index"],
    "train_reid": ["index"],
    "estimate": ["finetune"],
    "recover": ["estimate", "train_siamese"],
    "report": ["train_reid", "recover"],
}


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    root = tmp_path_factory.mktemp("prefect")
    server = PrefectServer(Repository(root), RunFile(root / "run.json"))
    before = dict(os.environ)
    os.environ.update(server.client_environment())  # before anything imports prefect
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(before)


@flow("test")
def stages_side_by_side(_, updates, at_once, stop):
    return side_by_side(updates, after=AFTER, at_once=at_once, stop=stop)


@flow("test")
def stages_in_order(_, updates):
    for stage, work in updates.items():
        yield update(stage, work)()


def runner():
    console = Console(file=io.StringIO(), width=200)
    return ProcessRunner(Repository(ROOT), RunFile(ROOT / "run.json"), PlainView(console, list(AFTER)))


class Stages:
    """Stages that note when they begin and end; some work until others have begun, one fails."""

    def __init__(self, *, fails="", **until):
        self.notes = []
        self.stopping = threading.Event()
        self._fails, self._until = fails, {stage: set(others.split()) for stage, others in until.items()}

    def update(self, stage):
        self.notes.append(("begin", stage))
        if stage == self._fails:
            raise StageFailedError(stage, ExitCode.BAD_INPUT, f"{stage}: expected text, got broken")
        while not self._until.get(stage, set()) <= set(self.begun()):
            if self.stopping.wait(0.02):
                self.notes.append(("stopped", stage))
                raise RuntimeError(f"{stage}: stopped")
        self.notes.append(("end", stage))
        return StageOutcome(stage, "ran", 0.0)

    def run(self, *, at_once):
        updates = {stage: lambda stage=stage: self.update(stage) for stage in AFTER}
        return stages_side_by_side(runner(), updates, at_once, self.stopping.set)

    def begun(self):
        return [stage for what, stage in self.notes if what == "begin"]

    def most_at_once(self):
        working = [sum(1 if what == "begin" else -1 for what, _ in self.notes[:end]) for end in range(len(self.notes))]
        return max(working)


@pytest.mark.usefixtures("prefect")
class TestFlow:
    def test_one_at_a_time_keeps_the_order(self):
        stages = Stages()
        assert [outcome.stage for outcome in stages.run(at_once=1)] == list(AFTER)
        assert stages.begun() == list(AFTER)
        assert stages.most_at_once() == 1

    def test_two_at_once_begin_with_those_that_stand_first_and_never_before_their_inputs(self):
        stages = Stages(pretrain="train_siamese", train_siamese="pretrain finetune")
        outcomes = stages.run(at_once=2)
        assert {outcome.stage for outcome in outcomes} == set(AFTER)
        assert stages.most_at_once() == 2
        assert set(stages.begun()[1:3]) == {"pretrain", "train_siamese"}
        assert stages.begun()[3] == "finetune", "train_reid has to wait"
        for stage, inputs in AFTER.items():
            begin = stages.notes.index(("begin", stage))
            assert all(stages.notes.index(("end", other)) < begin for other in inputs)

    def test_as_many_as_may_work_beside_each_other(self):
        trainings = "pretrain train_siamese train_reid"
        stages = Stages(pretrain=trainings, train_siamese=trainings, train_reid=trainings)
        stages.run(at_once=9)
        assert stages.most_at_once() == 3

    def test_the_first_that_fails_ends_the_others_and_its_error_is_raised(self):
        stages = Stages(pretrain="nothing", fails="train_siamese")
        with pytest.raises(StageFailedError, match="train_siamese: expected text, got broken") as caught:
            stages.run(at_once=2)
        assert caught.value.exit_code is ExitCode.BAD_INPUT
        assert stages.notes[-1] == ("stopped", "pretrain"), "it was waited for"
        assert "finetune" not in stages.begun()

    def test_in_order_each_stage_works_in_the_main_thread(self):
        threads = []

        def work():
            threads.append(threading.current_thread())
            return StageOutcome("index", "ran", 0.0)

        assert len(stages_in_order(runner(), {"index": work, "detect": work})) == 2
        assert set(threads) == {threading.main_thread()}

    @pytest.mark.timeout(240)
    def test_a_run_whose_server_ends_before_its_flow_begins_goes_on_with_another(self, prefect):
        begun = []

        def restart():
            begun.append("server")
            prefect.start()
            prefect.wait()
            return True

        def work():
            begun.append("index")
            return StageOutcome("index", "ran", 0.0)

        run = runner()
        prefect.stop()
        with pytest.raises((RuntimeError, ConnectError)):  # the latter where Prefect has reached the server before
            stages_in_order(run, {"index": work})
        run.restart_history = restart
        assert len(stages_in_order(run, {"index": work})) == 1
        assert begun == ["server", "index"]

    @pytest.mark.timeout(120)  # Prefect's client by itself tries for minutes
    def test_a_run_whose_server_is_killed_finishes_and_reports_the_gap(self, prefect):
        run = runner()

        def kill_the_server():
            assert prefect.pid  # None would be this process
            for process in [*psutil.Process(prefect.pid).children(recursive=True), psutil.Process(prefect.pid)]:
                process.kill()
                process.wait()
            return StageOutcome("index", "ran", 0.0)

        updates = {"index": kill_the_server, "detect": lambda: StageOutcome("detect", "ran", 0.0)}
        assert [outcome.stage for outcome in stages_in_order(run, updates)] == ["index", "detect"]
        [line] = run.view.console.file.getvalue().splitlines()
        assert "its history of this run has a gap, the results are complete" in line
