"""Limits on what one call may display. The worker observes them; the supervisor enforces them."""

from __future__ import annotations

MAX_DISPLAYS = 32
"""Displays of one call. Those beyond it are mentioned in the output, as text."""

MAX_PICTURE_BYTES = 300_000
"""Bytes of one picture, as PNG or JPEG."""

MAX_PICTURES_BYTES = 450_000
"""Bytes of all pictures of a call. Base64 adds a third; a result must stay below 900 kB."""

MAX_EDGE_PIXELS = 1568
"""Pixels of the longer side: APIs of models scale larger pictures down, or refuse them."""

MAX_TEXT_CHARACTERS = 8_000
"""Characters that a model reads of one display."""

MAX_DATA_CHARACTERS = 60_000
"""Characters of the HTML, JSON or the like of one display, for a client that can show it."""

MAX_TEXTS_CHARACTERS = 400_000
"""Characters of all texts and data of a call."""

MAX_COLUMNS = 100
"""Columns of a table, for a client that can show it."""

MAX_ROWS = 200
"""Rows of a table, for a client that can show it; fewer if MAX_DATA_CHARACTERS is reached."""

MAX_FILES = 64
"""Files of one call that hold what a display had to cut."""

KINDS = ("picture", "rich", "table")

PICTURES = ("image/png", "image/jpeg")

MARKUP = (
    *("text/html", "image/svg+xml", "text/latex", "text/markdown", "application/json"),
    "text/plain",  # only of displays with an id, which can be updated
)
"""MIME types of rich text."""

FILE_KINDS = ("table", "picture", "shown")
"""Prefixes of the names of files that hold what a result had to cut."""
