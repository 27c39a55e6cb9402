"""Pictures, reduced until they fit a result."""

from __future__ import annotations

import base64
import io
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.worker.display.overflow_files import Write

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import ShownPicture

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

SCALES = (1.0, 0.75, 0.5, 0.35, 0.25)
"""Sizes that are tried in turn until a picture is small enough."""

MIN_FAST_PNG_PIXELS = 2_000_000
"""Pixels above which a PNG is compressed fast rather than well."""

JPEG_QUALITY = 85
"""JPEG quality at which a difference can hardly be seen."""

MAX_SHARE_OF_ROOM = 0.6
"""The part of the remaining room for one picture, so that some remains for the next."""


class Room:
    """The bytes that pictures of the call may still use."""

    def __init__(self) -> None:
        self.left = display_bounds.MAX_PICTURES_BYTES

    def share(self, of: int = 1) -> int:
        """Return what the next one may use, if `of` are known to come."""
        share = self.left * MAX_SHARE_OF_ROOM if of == 1 else self.left / of
        return int(min(display_bounds.MAX_PICTURE_BYTES, share))


def entry(
    data: bytes, room: Room, write: Write, *, of: int = 1, name: str = "picture"
) -> ShownPicture:
    """Return the display of a PNG or JPEG: as it is, reduced, or in a file.

    Raises:
        ValueError: It is neither.
    """
    size = _size(data)
    shown, path, written = data, "", 0
    if max(size) > display_bounds.MAX_EDGE_PIXELS or len(data) > room.share(of):
        shown = _smaller(data, room.share(of))
        path, written, _ = write("picture", "png" if data.startswith(PNG) else "jpg", [data])
    room.left -= len(shown)
    text = f"{name}; {_times(size)} px"
    if not shown:
        where = f"it is in {path}" if written == len(data) else "save it to a file"
        text += f", {len(data):,} bytes: too large to show; {where}"
    elif _size(shown) != size:
        text += f", shown as {_times(_size(shown))}"
    if shown and path:
        text += f"; the original is in {path}"
    return {
        "kind": "picture",
        "type": "image/jpeg" if shown.startswith(JPEG) else "image/png",
        "data": base64.b64encode(shown).decode() or None,
        "text": f"[{text}]",
        "file": path or None,
        "file_bytes": written,
    }


def of_image(image: Any, room: Room, write: Write) -> ShownPicture:
    """Return the display of a PIL image."""
    return entry(_encoded(image, "PNG"), room, write)


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _size(data: bytes) -> tuple[int, int]:
    """Return width and height from the header of the picture."""
    if data.startswith(PNG) and len(data) > 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at = 2
    while data.startswith(JPEG) and at + 9 < len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of a frame
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        at += 2 + length
    raise ValueError("neither PNG nor JPEG")


def _smaller(data: bytes, most: int) -> bytes:
    """Return the picture with fewer bytes and pixels, or b"" if that is not possible."""
    try:
        pil: Any = import_module("PIL.Image")
    except ImportError:
        return b""
    with pil.open(io.BytesIO(data)) as image:
        fits = min(1.0, display_bounds.MAX_EDGE_PIXELS / max(image.size))
        for scale in SCALES:
            size = [max(1, round(side * fits * scale)) for side in image.size]
            scaled = image if size == list(image.size) else image.resize(size)
            for form in ("PNG", "JPEG"):
                encoded = _encoded(scaled, form)
                if len(encoded) <= most:
                    return encoded
    return b""


def _encoded(image: Any, form: str) -> bytes:
    buffer = io.BytesIO()
    if form == "PNG":
        if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            image = image.convert("RGB" if image.mode not in ("F", "I") else "L")
        level = 1 if image.width * image.height > MIN_FAST_PNG_PIXELS else 6
        image.save(buffer, format="PNG", compress_level=level)
    else:
        if image.mode in ("RGBA", "LA", "P"):
            # JPEG has no transparency: draw on white, as on paper.
            image = image.convert("RGBA")
            paper = image.copy()
            paper.paste((255, 255, 255, 255), (0, 0, *image.size))
            paper.alpha_composite(image)
            image = paper
        image.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def is_image(value: Any) -> bool:
    """Tell if `value` is a PIL image."""
    pil: Any = sys.modules.get("PIL.Image")
    return pil is not None and issubclass(type(value), pil.Image)
