"""What is printed is text, whatever names and messages hold."""

import io

import pytest
from rich.console import Console

from flows.runtime.printing import print_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße 例.mp4", "Straße 例.mp4"),
        ("a\x1b[2Jb\x07", r"a\x1b[2Jb\x07"),
        ("a\rb\x9b31m", r"a\rb\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("a\udcffb", r"a\udcffb"),
        ("two\n\tlines", "two\n\tlines"),
    ],
    ids=["letters", "escape", "return", "right to left", "no UTF-8", "lines"],
)
def test_control_characters_are_shown_as_escapes(text, shown):
    assert printable(text) == shown


def test_a_line_is_neither_wrapped_nor_read_as_markup():
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=20)
    print_line(console, "[bold]" + "x" * 40)
    assert console.file.getvalue() == "[bold]" + "x" * 40 + "\n"
