"""The paper's figures on this corpus; examples where there is no ground truth to choose them by."""

from tasks.reporting.gather import Row
from tasks.reporting.run_facts import Absent, RunFacts


def figures(run: RunFacts) -> Row | Absent:
    """The figures; without ground truth they are examples, and carry no number of the paper."""
    if not run.figures:
        hidden = run.params.report.people != "shown"
        return Absent(
            f"Pictures of people are not shown: report.people is {run.params.report.people}."
            if hidden
            else "No pictures were drawn, since no video of this run has what they show."
        )
    if run.corpus["is_annotated"]:
        return {"figures": run.figures, "heading": "The paper's figures"}
    shown = [figure | {"title": figure["title"].partition(". ")[2]} for figure in run.figures]
    return {"figures": shown, "heading": "Examples"}
