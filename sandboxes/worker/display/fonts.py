"""A fallback font for Chinese, Japanese and Korean characters that a figure's fonts lack."""

from __future__ import annotations

import functools
import os
import re
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

MODULE, FILE = "noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc"
FAMILY = "Noto Sans CJK JP"
"""The package with the font, and its name in matplotlib. It covers Chinese and Korean too."""

_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]"
)
_MISSING = re.compile(r"Glyph (\d+) .*missing from")

Caught = list[warnings.WarningMessage]


def hook_savefig(module: Any) -> None:
    """Have `savefig` of `matplotlib.figure` use the fallback font, as displays do."""
    plain = module.Figure.savefig

    @functools.wraps(plain)
    def savefig(self: Any, fname: Any, *arguments: Any, **options: Any) -> Any:
        def save() -> None:
            plain(self, fname, *arguments, **options)

        if not isinstance(fname, (str, os.PathLike)):
            return plain(self, fname, *arguments, **options)
        for one in drawn(self, save):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        return None

    module.Figure.savefig = savefig


def drawn(figure: Any, draw: Callable[[], None]) -> Caught:
    """Draw, and draw again with the fallback font if that helps; return the warnings."""
    caught = _caught(draw)
    if _CJK.search(missing(caught)) and _add_fallback(figure):
        caught = _caught(draw)
    return caught


def _caught(draw: Callable[[], None]) -> Caught:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        draw()
    return caught


def missing(caught: Caught) -> str:
    """Return the characters that are drawn as boxes."""
    found = (_MISSING.match(str(one.message)) for one in caught)
    return "".join(dict.fromkeys(chr(int(one[1])) for one in found if one))


def _add_fallback(figure: Any) -> bool:
    """Add the fallback font to all texts of a figure; tell if the font is installed."""
    manager = sys.modules["matplotlib.font_manager"].fontManager
    if all(font.name != FAMILY for font in manager.ttflist):
        spec = find_spec(MODULE)
        if spec is None or spec.origin is None:
            return False
        try:
            manager.addfont(os.path.join(os.path.dirname(spec.origin), FILE))
        except Exception:  # this version of the package has another file
            return False
    for text in figure.findobj(lambda artist: hasattr(artist, "set_fontfamily")):
        text.set_fontfamily([*text.get_fontfamily(), FAMILY])
    return True
