"""The page of the report: its sections, each from a module and a template, in one HTML text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tasks.reporting.gather import Row
from tasks.reporting.html import render
from tasks.reporting.origin import origin_of_run
from tasks.reporting.run_facts import Absent, RunFacts
from tasks.reporting.sections.difficulty import difficulty
from tasks.reporting.sections.figures import figures as drawn_figures
from tasks.reporting.sections.joints import joints
from tasks.reporting.sections.noise import noise
from tasks.reporting.sections.paper import paper
from tasks.reporting.sections.result import result
from tasks.reporting.sections.stages import stages
from tasks.reporting.sections.training import training
from tasks.reporting.sections.videos import videos


@dataclass(frozen=True)
class PageSection:
    """A part of the page; its template is templates/sections/<name>.html."""

    name: str
    """Of the template and of the link that leads to it."""
    title: str
    facts: Callable[[RunFacts], Row | Absent]


SECTIONS: Final = (
    PageSection("result", "Result", result),
    PageSection("videos", "Videos", videos),
    PageSection("paper", "Paper's tables", paper),
    PageSection("difficulty", "By difficulty", difficulty),
    PageSection("joints", "By joint", joints),
    PageSection("noise", "Noise", noise),
    PageSection("figures", "Pictures", drawn_figures),
    PageSection("training", "Training", training),
    PageSection("run", "The run", stages),
)
"""In the order of the page."""


def render_page(run: RunFacts) -> str:
    """HTML of the report, complete in itself but for the clips; every text from a file is escaped."""
    facts = {section: section.facts(run) for section in SECTIONS}
    return render(
        "report.html",
        corpus=run.corpus,
        sections=[(section, content) for section, content in facts.items() if not isinstance(content, Absent)],
        origins=[origin_of_run(run.workspace, run.params, run.provenances)],
        absent=[content.reason for content in facts.values() if isinstance(content, Absent)],
    )
