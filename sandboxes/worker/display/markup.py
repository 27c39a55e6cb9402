"""HTML, SVG, LaTeX, Markdown and JSON: the text for a model, and the source for a client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.worker.display.overflow_files import Write

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import RichType, ShownRich

NAMES: dict[RichType, tuple[str, str]] = {
    "text/html": ("HTML", "html"),
    "image/svg+xml": ("SVG", "svg"),
    "text/latex": ("LaTeX", "tex"),
    "text/markdown": ("Markdown", "md"),
    "application/json": ("JSON", "json"),
    "text/plain": ("text", "txt"),
}
"""Maps a kind to its name and the ending of its files."""

MAX_MARKUP_CHARACTERS = 2_000
"""Characters of markup that a model reads, if there is no better text for it."""

READABLE = ("text/markdown", "text/latex", "text/plain")
"""Kinds whose source is readable; a model reads up to MAX_TEXT_CHARACTERS of it."""

CHARACTERS_PER_WRITE = 1 << 20

_DATA = re.compile(r"(data:[\w/+.-]+;base64,)([A-Za-z0-9+/=\s]{200,})")
"""Sounds and pictures embedded in markup, which nobody can read."""


def entry(kind: RichType, source: str, said: str | None, write: Write) -> ShownRich:
    """Return the display of `source`; `said` is the object as plain text, if that is useful."""
    name, ending = NAMES[kind]
    most = display_bounds.MAX_TEXT_CHARACTERS if kind in READABLE else MAX_MARKUP_CHARACTERS
    path, written = "", 0
    text = (
        said
        if said is not None
        else _DATA.sub(_placeholder, source[: display_bounds.MAX_DATA_CHARACTERS])[:most]
    )
    where = ""
    if len(source) > (display_bounds.MAX_DATA_CHARACTERS if said is not None else most):
        path, written, whole = write("shown", ending, _parts(source))
        where = f", in {path}{'' if whole else ' as far as there was room'}" if path else ""
    if said is not None:
        text = f"{said[: display_bounds.MAX_TEXT_CHARACTERS]}\n[shown as {name}{where}]"
    elif len(source) > most:
        text += f"\n[{name} of {len(source):,} characters, cut here{where}]"
    elif kind not in READABLE:
        text = f"[{name}]\n{text}"
    data = source if len(source) <= display_bounds.MAX_DATA_CHARACTERS else None
    return {
        "kind": "rich",
        "type": kind,
        "data": data,
        "text": text[: display_bounds.MAX_TEXT_CHARACTERS + 500],
        "file": path or None,
        "file_bytes": written,
    }


def _placeholder(found: re.Match[str]) -> str:
    return f"{found[1]}[{len(found[2]):,} characters]"


def _parts(source: str) -> Iterator[bytes]:
    for at in range(0, len(source), CHARACTERS_PER_WRITE):
        yield source[at : at + CHARACTERS_PER_WRITE].encode("utf-8", "replace")
