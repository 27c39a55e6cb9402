"""A call as people see it in a host, as an SVG: the page in Chromium, written out."""

import json
import re
from html import escape
from pathlib import Path

from mcp import Client
from mcp.client.extension import advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from protocol.support import http_server, text_of
from view.browser import WIDTH, Browser

from bellglass.tools import view

CODE = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

days = pd.date_range("2026-01-01", periods=90, name="day")
noise = np.random.default_rng(7).normal(0, 2, 90)
sales = pd.DataFrame({"pears": 20 + noise.cumsum() / 3, "figs": 12 + noise}, index=days)

figure, axes = plt.subplots(figsize=(6.4, 2.4))
sales.plot(ax=axes, title="Sales in crates")
plt.show()
sales.resample("MS").mean()
"""

AS_SVG = """\
import io
plt.rcParams["svg.fonttype"] = "none"  # text stays text
plt.rcParams["svg.hashsalt"] = "bellglass"
written = io.StringIO()
figure.savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None})
print(written.getvalue()[written.getvalue().index("<svg"):])
"""

IN_PLACE = """(text => {{
    const image = document.querySelector(".picture img");
    const drawn = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    const {{ width, height }} = image.getBoundingClientRect();
    drawn.setAttribute("width", width);
    drawn.setAttribute("height", height);
    drawn.setAttribute("class", "drawn");
    image.replaceWith(drawn);
}})({text})"""
"""The figure as text, in place of its PNG."""

PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>A call of execute_python, as people see it</title>
<style>{style}</style>
<foreignObject width="{width}" height="{height}">{page}</foreignObject>
</svg>
"""

BORDER = """
.page { border: 1px solid #d9dce0; border-radius: 8px; height: 100%; }
.page { color-scheme: light; }
"""


async def drawn() -> str:
    """Return the picture of a call that is made now."""
    able = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
    with http_server(BELLGLASS_OUTPUT_BYTES="60000") as (_, url), Browser() as browser:
        async with Client(streamable_http_client(url), extensions=[able]) as client:
            result = await client.call_tool("execute_python", {"code": CODE, "timeout": 100})
            session = {"session_id": (result.meta or {})["bellglass/execution"]["session_id"]}
            plot = await client.call_tool("execute_python", {"code": AS_SVG, **session})
        figure = text_of(plot).partition("</svg>")[0] + "</svg>"
        browser.show(view.page(), downloadFile={})
        browser.tell("ui/notifications/tool-input", {"arguments": {"code": CODE}})
        told = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        browser.tell("ui/notifications/tool-result", told)
        browser.wait_until("document.images.length")
        browser.in_view("Promise.all([...document.images].map((image) => image.decode()))")
        browser.in_view(IN_PLACE.format(text=json.dumps(figure)))
        page = browser.in_view("new XMLSerializer().serializeToString(view)")
        height = browser.in_view("view.scrollHeight")
    style = (Path(view.__file__).parent / "view.css").read_text("utf-8")
    style = re.sub(r"^(:root|body)(?= \{)", ".page", style, flags=re.MULTILINE)
    wrapped = f'<div xmlns="http://www.w3.org/1999/xhtml" class="page">{page}</div>'
    style = escape(style + BORDER, quote=False)
    return PAGE.format(width=WIDTH, height=height + 4, style=style, page=wrapped)
