"""Which stage works when, by a real Prefect flow on a real Prefect server."""

import os
import threading

import pytest

from flows.runtime.outcomes import ExitCode, StageFailedError, StageOutcome
from flows.runtime.processes import RunFile
from flows.runtime.repository import Repository
from flows.runtime.servers import PrefectServer
from flows.runtime.stage_flow import run_in_order, run_side_by_side

pytestmark = pytest.mark.end_to_end

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
def _prefect(tmp_path_factory):
    root = tmp_path_factory.mktemp("prefect")
    server = PrefectServer(Repository(root), RunFile(root / "run.json"))
    before = dict(os.environ)
    os.environ.update(server.client_environment())  # before anything imports prefect
    server.start()
    try:
        server.wait()
        yield
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(before)


class Stages:
    """Stages that note when they begin and end; some work until others have begun, one fails."""

    def __init__(self, *, fails="", **until):
        self.notes = []
        self.stopping = threading.Event()
        self._fails, self._until = fails, {stage: set(others.split()) for stage, others in until.items()}

    def bring(self, stage):
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
        calls = {stage: lambda stage=stage: self.bring(stage) for stage in AFTER}
        return run_side_by_side("test", calls, after=AFTER, at_once=at_once, stop=self.stopping.set)

    def begun(self):
        return [stage for what, stage in self.notes if what == "begin"]

    def most_at_once(self):
        working = [sum(1 if what == "begin" else -1 for what, _ in self.notes[:end]) for end in range(len(self.notes))]
        return max(working)


@pytest.mark.usefixtures("_prefect")
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

        def bring():
            threads.append(threading.current_thread())
            return StageOutcome("index", "ran", 0.0)

        assert len(run_in_order("test", {"index": bring, "detect": bring})) == 2
        assert set(threads) == {threading.main_thread()}
