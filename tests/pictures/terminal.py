"""A terminal session of `bellglass demo`, as an SVG that shows step after step."""

import os
import pty
import re
import subprocess
from html import escape

from protocol.support import COMMAND, environment
from rich.text import Text

WIDTH, ROWS = 100, 26
LINE, LETTER, MARGIN = 18.0, 7.85, 14.0
READING_SECONDS = 3.0
"""For which a step is shown before the next one."""

END = "All results were as expected."
"""Below it are paths of the machine."""

COLOURS = {"1": "red", "2": "green", "3": "yellow", "6": "cyan"}

_COLOUR = re.compile(r"color\((\d+)\)")
_STEP = re.compile(r"\d+\. ")

STYLE = """\
rect {{ fill: #1b1c1e }}
text {{ font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
text {{ fill: #e8e9eb; white-space: pre }}
.bold {{ font-weight: 700 }} .dim {{ fill: #a3a9b0 }}
.cyan {{ fill: #6fc3d1 }} .green {{ fill: #56c08d }} .red {{ fill: #f48a80 }}
.yellow {{ fill: #e0b35c }}
@media (prefers-reduced-motion: no-preference) {{
.all {{ animation: scroll {seconds:g}s infinite }}
{steps}
@keyframes scroll {{ {scroll} }}
}}"""

APPEAR = (
    "@keyframes s{number} {{ 0%, {begin:.1f}% {{ opacity: 0 }} {shown:.1f}%, 100% {{ opacity: 1 }} "
    "}}\n.s{number} {{ animation: s{number} {seconds:g}s infinite }}"
)


def recorded() -> str:
    """Return the picture of a demo that runs now."""
    lines = list(Text.from_ansi(_printed()).split("\n", allow_blank=True))
    while lines and not lines[0].plain.startswith("bellglass "):
        del lines[0]
    last = next(at for at, line in enumerate(lines) if END in line.plain)
    lines = [line.fit(WIDTH)[0] if line.cell_len > WIDTH else line for line in lines[: last + 1]]
    lines[-1] = lines[-1][: len(END)]
    return _svg(lines)


def _printed() -> str:
    """Return what the demo prints on a terminal."""
    ours, theirs = pty.openpty()
    settings = {"TERM": "xterm-256color", "COLUMNS": str(WIDTH), "HOME": "/home/you"}
    with subprocess.Popen([COMMAND, "demo"], stdout=theirs, env=environment(settings)) as demo:
        os.close(theirs)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
    os.close(ours)
    assert demo.returncode == 0
    text = printed.decode().replace("\r\n", "\n")
    return re.sub(r".*\x1b\[2K", "", text)  # a clock that was erased


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the other end is closed
        return b""


def _svg(lines: list[Text]) -> str:
    starts = [at for at, line in enumerate(lines) if _STEP.match(line.plain)]
    parts = list(map(slice, [0, *starts[1:]], [*starts[1:], len(lines)]))
    seconds = READING_SECONDS * len(parts)
    steps, scroll, groups = [], [], []
    for number, part in enumerate(parts):
        begin = 100 * number / len(parts)
        above = max(0, part.stop - ROWS) * LINE
        scroll += [
            f"{at:.1f}% {{ transform: translateY(-{above:g}px) }}"
            for at in (begin, begin + 100 / len(parts) - 2)
        ]
        if number:
            facts = {"number": number, "begin": begin, "shown": begin + 1, "seconds": seconds}
            steps.append(APPEAR.format(**facts))
        texts = [_line(line, at) for at, line in enumerate(lines[part], part.start)]
        groups.append(f'<g class="s{number}">{"".join(texts)}</g>')
    style = STYLE.format(seconds=seconds, steps="\n".join(steps), scroll=" ".join(scroll))
    width, height = 2 * MARGIN + WIDTH * LETTER, 2 * MARGIN + ROWS * LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">'
        f"<title>bellglass demo</title><style>{style}</style>"
        f'<rect width="{width:g}" height="{height:g}" rx="8"/><g class="all">\n'
        + "\n".join(groups)
        + "\n</g></svg>\n"
    )


def _line(line: Text, at: int) -> str:
    if not line.plain.strip():
        return ""
    spans = []
    for piece in line.divide(
        sorted({end for span in line.spans for end in (span.start, span.end)})
    ):
        names = " ".join(sorted({word for span in piece.spans for word in str(span.style).split()}))
        names = _COLOUR.sub(lambda found: COLOURS[found[1]], names)
        text = escape(piece.plain, quote=False)
        spans.append(f'<tspan class="{names}">{text}</tspan>' if names else text)
    y = MARGIN + (at + 0.75) * LINE
    return f'<text x="{MARGIN:g}" y="{y:g}">{"".join(spans)}</text>'
