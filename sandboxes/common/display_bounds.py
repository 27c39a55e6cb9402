"""How much one call may show. The worker keeps to it; the runner makes sure."""

from __future__ import annotations

MAX_DISPLAYS = 32
"""Displays of one call. What comes after them is told in the output, as text."""

MAX_PICTURE_BYTES = 300_000
"""Of one picture, as PNG or JPEG."""

MAX_PICTURES_BYTES = 450_000
"""Of all pictures of a call: in base64 a third more, and a result has to stay below 900 kB."""

MAX_EDGE_PIXELS = 1568
"""Pixels of the longer side: what is larger, interfaces to models scale down, or refuse."""

MAX_TEXT_CHARACTERS = 8_000
"""Characters that a model reads of one display."""

MAX_DATA_CHARACTERS = 60_000
"""Characters of the HTML, JSON or the like of one display, for a client that can show it."""

MAX_TEXTS_CHARACTERS = 400_000
"""Characters of all texts and data of a call."""

MAX_COLUMNS = 100
"""Of a table, for a client that can show it."""

MAX_ROWS = 200
"""Of a table, the same; as far as MAX_DATA_CHARACTERS allows."""

MAX_FILES = 64
"""Files of one call that hold what a display had to cut."""

KINDS = ("picture", "rich", "table")

PICTURES = ("image/png", "image/jpeg")

MARKUP = (
    *("text/html", "image/svg+xml", "text/latex", "text/markdown", "application/json"),
    "text/plain",  # of what has a name, and so can be replaced
)
"""Kinds of rich text."""

FILE_KINDS = ("table", "picture", "shown")
"""First part of the names of files that hold what a result had to cut."""
