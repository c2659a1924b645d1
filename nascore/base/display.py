"""How values look in a notebook: small tables, and pictures that somebody else draws.

This room knows nothing of figures: whoever does sets `draw`, as the package's front door does.
"""

import base64
import dataclasses
import html
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nascore.base.config import Settings
from nascore.base.errors import shortened

draw: Callable[[Any], bytes] | None = None  # a genotype -> its drawing, a PNG of `PIXELS` to an inch
PIXELS = 192  # twice what a page has: sharp on fine screens

_CELL = "text-align: left; vertical-align: top; padding: 1px 10px 1px 0; max-width: 32em"


class Displayed:
    """What notebooks show as HTML; a class says by `_html` how."""

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{self._html()}</div>'

    def _html(self) -> str:
        return text_html(self)


def drawn_by(module: str, name: str) -> None:
    """Let the function `name` of `module` draw; the module is imported when something is drawn first."""
    global draw

    def drawing(value: Any) -> bytes:
        return getattr(importlib.import_module(module), name)(value)

    draw = drawing


def picture_html(value: Any, *, share: float = 1.0) -> str:
    """The drawing of `value`, inline, at a `share` of its size; its text where it cannot be drawn."""
    if draw is None:
        return text_html(value)
    try:
        png = draw(value)
    except Exception as error:  # whatever is wrong with a drawing, what it is of can be told
        return text_html(value) + title_html("", f"(not drawn: {error})")
    width = share * int.from_bytes(png[16:20], "big") * 96 / PIXELS  # a PNG's head has its width there
    data = base64.b64encode(png).decode()
    words = html.escape(shortened(value))
    return f'<img style="width: {width:.0f}px; max-width: 100%" alt="{words}" src="data:image/png;base64,{data}">'


def text_html(value: Any) -> str:
    """`value` as it is printed."""
    return f'<pre style="white-space: pre-wrap">{html.escape(repr(value))}</pre>'


def title_html(name: str, what: str = "") -> str:
    """A line above a table: a name, and what it is, in which names may be `marked`."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(what))
    return f"<div><b>{html.escape(name)}</b> {marked}</div>"


def table_html(rows: Iterable[Sequence[Any]], head: Sequence[Any] = ()) -> str:
    """A table whose first column names what the others say; numbers are rounded to six digits."""
    heads = [f"<tr>{''.join(_cell('th', each) for each in head)}</tr>"] if head else []
    lines = [f"<tr>{_cell('th', row[0])}{''.join(_cell('td', each) for each in row[1:])}</tr>" for row in rows]
    return f"<table>{''.join(heads + lines)}</table>"


def beside_html(*parts: str) -> str:
    """Things side by side, one below the other where there is no room."""
    boxes = "".join(f"<div>{part}</div>" for part in parts)
    return f'<div style="display: flex; flex-wrap: wrap; gap: 0 24px; align-items: flex-start">{boxes}</div>'


def settings_items(settings: Settings, within: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of all fields, by the names that overrides have; settings in settings are named by their type."""
    for field in dataclasses.fields(settings):
        name, value = within + field.name, getattr(settings, field.name)
        if isinstance(value, Settings):
            yield name, type(value).__name__
            yield from settings_items(value, f"{name}__")
        else:
            yield name, value


def _cell(tag: str, value: Any) -> str:
    return f'<{tag} style="{_CELL}">{html.escape(_words(value))}</{tag}>'


def _words(value: Any) -> str:
    """Numbers and strings as one reads them, other values as Python writes them, in short."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple) and value and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return shortened(value)
