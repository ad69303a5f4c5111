"""What all pages share: templates with escaping, one style sheet, one script, and the filters of their tables."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from tasks.reporting.grid import Grid, grid_of
from tasks.reporting.labels import counted, label, value_text

_TEMPLATES: Final = Path(__file__).parent / "templates"


def render(template: str, **facts: Any) -> str:
    """A page from a template of this package; it needs no other file but those that `facts` name."""
    return _environment().get_template(template).render(facts)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"label": label, "value_text": value_text, "as_grid": _as_grid, "counted": counted}
    environment.globals |= {name: _trusted(file) for name, file in (("style", "style.css"), ("script", "page.js"))}
    return environment


def _as_grid(rows: Any, caption: str = "", file_name: str = "") -> Grid:
    return rows if isinstance(rows, Grid) else grid_of(rows, caption, file_name=file_name)


def _trusted(name: str) -> Markup:
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704  our own file
