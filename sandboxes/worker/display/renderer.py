"""Rendering of a value: as a picture, a table, markup, or the text of its repr."""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.display import (
    bundles,
    charts,
    dataframes,
    figures,
    markup,
    pictures,
)
from bellglass.sandboxes.worker.display.display_channel import DisplayChannel
from bellglass.sandboxes.worker.display.overflow_files import OverflowFiles
from bellglass.sandboxes.worker.display.pictures import Room
from bellglass.sandboxes.worker.explaining.values import class_name
from bellglass.sandboxes.worker.streams import CallStream, due

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Shown, ShownPicture

PLAIN = frozenset(
    {int, float, bool, str, bytes, list, dict, tuple, set, frozenset, complex, range, type(None)}
)
"""Classes that have nothing to show but their repr."""

CONTAINERS = frozenset({list, tuple, dict})

ITSELF = "application/x-bellglass-object"
"""The kind of a bundle's entry that is the object itself and not a text."""

_repr = repr


class _Place(NamedTuple):
    """A display of the running call, and the bytes of its picture."""

    number: int
    picture_bytes: int


class Renderer:
    """Renders and sends what the code of one session shows, one call at a time."""

    def __init__(self, channel: DisplayChannel, file_bytes: int) -> None:
        """`file_bytes` bounds the files with contents that displays of a call had to cut."""
        self._channel = channel
        self._file_bytes = file_bytes
        self._files = OverflowFiles(0, 0)
        self._room = Room()
        self._shown: list[Any] = []
        """Figures that the call has shown, and that are not shown again at its end."""
        self._drew = False
        """Whether the call has shown a figure."""
        self._named: dict[str, list[_Place]] = {}
        """Displays of the call that have an id, by which code can replace them."""

    def begin(self, call: int) -> None:
        self._files = OverflowFiles(call, self._file_bytes)
        self._room = Room()
        self._shown = []
        self._drew = False
        self._named = {}
        CallStream.before_output = None

    def as_value(self, value: Any) -> str | None:
        """Show the value of a last line; return it as text if nothing better can be shown."""
        if self._is_drawn(value):
            return None
        return self._as_text(value)

    def _is_drawn(self, value: Any) -> bool:
        """Tell if `value` is what drawing returned, in a call that shows a figure."""
        if type(value) in PLAIN - CONTAINERS or figures.is_figure(value):
            return False
        return (self._drew or figures.any_open()) and figures.is_artist(value)

    def _as_text(self, value: Any) -> str | None:
        return self._shown_or_text(self._of_value(value))

    def display(self, *objects: Any, raw: bool = False, **options: Any) -> None:
        """Show objects now: pictures, tables and HTML as such, everything else as text."""
        for value in objects:
            known = raw and isinstance(value, dict)
            text = self.bundle(value) if known else self._as_text(value)
            if text is not None:
                sys.stdout.write(f"{text}\n")

    def bundle(self, data: dict[str, Any]) -> str | None:
        """Show the kind in a bundle that suits a model best, or return its plain text."""
        return self._shown_or_text(self._of_data(data))

    def named(self, name: str, data: dict[str, Any], *, update: bool) -> None:
        """Show a bundle under an id. An update replaces the display with that id in its place.

        A display of an earlier call cannot be changed: its update is shown here.
        """
        due()
        places = self._named.get(name, []) if update else []
        for place in places:
            self._room.left += place.picture_bytes
        left = self._room.left
        found = self._of_data(data)
        if not found:
            return
        if isinstance(found, str):
            found = {**markup.entry("text/plain", found, None, self._files.write), "data": None}
        used = left - self._room.left
        if not places and (number := self._show(found)):
            self._named.setdefault(name, []).append(_Place(number, used))
        kept = [self._channel.replace(place.number, found) for place in places]
        if places and all(kept):
            self._named[name] = [_Place(place.number, used) for place in places]
        elif places:
            self._tell(found)

    def clear(self, *, wait: bool) -> None:
        """Drop what the call has printed and shown: now, or before the next output if `wait`."""
        CallStream.before_output = self._clear
        if not wait:
            due()

    def _clear(self) -> None:
        self._channel.clear()
        self._room = Room()
        self._named = {}

    def knows(self, value: Any) -> bool:
        """Tell if `_special` shows `value`, so that IPython leaves it to us."""
        return bool(
            dataframes.library_of(value)
            or dataframes.is_styler(value)
            or figures.is_figure(value)
            or pictures.is_image(value)
            or charts.library_of(value)
            or self._is_drawn(value)
        )

    def open_figures(self) -> None:
        """Show and close pyplot's open figures, except for those that were shown already."""
        waiting = [figure for figure in figures.open_figures() if figure not in self._shown]
        try:
            for at, figure in enumerate(waiting):
                self._show_figure(figure, len(waiting) - at)
        finally:
            figures.close_all()

    def _show_figure(self, figure: Any, of: int) -> None:
        if figures.is_empty(figure):  # as notebooks do; `%run` leaves an empty figure
            sys.stdout.write(f"{_repr(figure)}\n")
            return
        try:
            found = self._figure(figure, of)
        except Exception as exc:
            self._note(f"A figure cannot be drawn: {class_name(exc)}: {short(str(exc), 500)}")
            return
        self._show(found)

    def _figure(self, figure: Any, of: int) -> ShownPicture:
        self._drew = True
        found, lacking = figures.entry(figure, self._room, self._files.write, of=of)
        if lacking:
            self._note(
                f"[No font of the figure has these characters, which are drawn as boxes: "
                f"{short(lacking, 100)}]"
            )
        return found

    # --- finding the display of a value

    def _of_value(self, value: Any) -> Shown | str:
        """Return the display of `value`, or its text if nothing better can be shown."""
        found = None if type(value) in PLAIN else self._entry(value)
        return _repr(value) if found is None else found

    def _of_data(self, data: dict[str, Any]) -> Shown | str | None:
        """Return the display of a bundle, or its plain text."""
        if ITSELF in data:
            value = data[ITSELF]
            return None if self._is_drawn(value) else self._of_value(value)
        given = data.get("text/plain")
        plain = given if type(given) is str else None
        found = self._of_bundle(data, _if_informative(plain), "a bundle")
        script = data.get("application/javascript")
        if not found and type(script) is str:
            plain = f"[JavaScript of {len(script):,} characters, which nothing here runs]"
        return plain if found is None else found

    def _entry(self, value: Any) -> Shown | str | None:
        """Return the display of `value`, or its own plain text; None if the repr is as good.

        The text is empty if it has shown itself.
        """
        try:
            return self._special(value) or self._own_bundle(value)
        except Exception as exc:  # from a class that imitates one, or from the library
            self._note(f"{class_name(value)} is shown as text: {class_name(exc)}")
            return None

    def _special(self, value: Any) -> Shown | None:
        """Return the display of a value that we show better than its own class does."""
        write = self._files.write
        if dataframes.library_of(value):
            return dataframes.entry(value, write)
        if dataframes.is_styler(value):
            return markup.entry("text/html", value.to_html(), dataframes.styled(value), write)
        if figures.is_figure(value):
            self._shown.append(value)
            return self._figure(value, 1)
        if pictures.is_image(value):
            return pictures.of_image(value, self._room, write)
        library = charts.library_of(value)
        if library:
            data, why_not = charts.drawn(value, library)
            if data:
                return pictures.entry(data, self._room, write)
            said = f"{charts.summary(value, library)}; {why_not}"
            return markup.entry("application/json", charts.source(value), said, write)
        return None

    def _own_bundle(self, value: Any) -> Shown | str | None:
        if not bundles.is_rich(value):
            return None
        result = bundles.bundle_of(value)
        for fault in result.faults:
            self._note(fault)
        if result.shown:
            return ""
        plain = result.bundle.get("text/plain")
        said = _if_informative(plain) if type(plain) is str else _plain(value)
        found = self._of_bundle(result.bundle, said, class_name(value))
        return plain if found is None and type(plain) is str else found

    def _of_bundle(self, bundle: dict[str, Any], said: str | None, name: str) -> Shown | None:
        """Return the display of the kind in a bundle that suits a model best."""
        for kind in bundles.METHODS:
            if bundle.get(kind) is None:
                continue
            try:
                if kind == "image/png" or kind == "image/jpeg":
                    data = bundles.as_bytes(bundle[kind])
                    return pictures.entry(data, self._room, self._files.write)
                source = bundles.as_text(kind, bundle[kind])
            except (ValueError, TypeError, RecursionError) as exc:
                self._note(f"What {name} gives for {kind} is not that: {exc}")
                continue
            return markup.entry(kind, source, said, self._files.write)
        return None

    # --- sending it

    def _shown_or_text(self, found: Shown | str | None) -> str | None:
        if not isinstance(found, dict):
            return found or None
        self._show(found)
        return None

    def _show(self, found: Shown) -> int:
        """Show a display; return its number, 0 if it was only printed."""
        due()
        number = self._channel.show(found)
        if not number:
            self._tell(found)
        return number

    def _tell(self, found: Shown) -> None:
        """Print a display: in a process that the code forked, or when the displays are used up."""
        text = found["text"]
        if found["kind"] == "picture" and found["data"] and not found["file"]:
            ending = found["type"].partition("/")[2]
            data = base64.b64decode(found["data"])
            path, written, _ = self._files.write("picture", ending, [data])
            text = f"{text[:-1]}, not shown{f'; it is in {path}' if written == len(data) else ''}]"
        sys.stdout.write(f"{text}\n")

    def _note(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")


def _plain(value: Any) -> str | None:
    """Return the repr of an object whose class defines one."""
    cls: Any = type(value)
    return None if cls.__repr__ is object.__repr__ else _if_informative(_repr(value))


def _if_informative(text: str | None) -> str | None:
    """Return the text of an object, or None if it only names its class."""
    if text is None or (text.startswith("<") and text.endswith(">") and len(text) < 200):
        return None
    return text
