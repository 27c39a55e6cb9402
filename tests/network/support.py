"""Servers for the tests on the loopback: a web host with given answers, and a package index."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from bellglass.sandboxes.egress.cache import Cache
from bellglass.sandboxes.egress.fetching import Fetcher
from bellglass.sandboxes.egress.index import Index
from bellglass.sandboxes.egress.network import Network
from bellglass.sandboxes.egress.rules import Mode, Rules
from bellglass.sandboxes.egress.sources import Remote

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.session import Session


@dataclass
class Page:
    body: bytes = b"hello from outside"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Web(ThreadingHTTPServer):
    """Answers with `pages` by path, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Page] = {"/": Page()}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Web

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        page = self.server.pages.get(self.path, Page(b"not here", 404))
        self.send_response(page.status)
        for name, value in {"Content-Length": str(len(page.body)), **page.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page.body)

    do_POST = do_PUT = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def web() -> Generator[Web]:
    server = Web()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def wheel(
    name: str, version: str = "1.0", *, text: str = "", script: bool = False, plugin: bool = False
) -> bytes:
    """Return a wheel with one module, which may be a plugin of pytest."""
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": f"{text}\ndef main():\n    print('{name} {version}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:main\n"
    if plugin:
        contents[f"{info}/entry_points.txt"] = f"[pytest11]\n{name} = {name}\n"
    record = "".join(f"{path},,\n" for path in contents)
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in contents.items():
            archive.writestr(path, content)
    return made.getvalue()


def file_name(name: str, version: str = "1.0") -> str:
    return f"{name}-{version}-py3-none-any.whl"


def publish(
    server: Web, name: str, *contents: bytes, promised: bytes | None = None, where: str = ""
) -> None:
    """Have the index at `server` name wheels of `name`, the first as version 1.0, and serve them.

    `promised`: content that it names the hash of, if not the one that it serves; `where`: the URL
    of a file, if not its own.
    """
    files = []
    for number, content in enumerate(contents, 1):
        file = file_name(name, f"{number}.0")
        server.pages[f"/f/{file}"] = Page(content)
        digest = hashlib.sha256(content if promised is None else promised).hexdigest()
        url = where or f"../../f/{file}"
        files.append({"filename": file, "url": url, "hashes": {"sha256": digest}})
    page = {"meta": {"api-version": "1.0"}, "name": name, "files": files}
    server.pages[f"/simple/{name}/"] = Page(
        json.dumps(page).encode(),
        headers={"Content-Type": "application/vnd.pypi.simple.v1+json"},
    )


def network(
    mode: Mode, *hosts: str, index: Web | None = None, cache: Path | None = None
) -> Network:
    """Return what an operator would have set."""
    rules = Rules(mode, hosts)
    if index is None or cache is None:
        return Network(rules)
    url = f"{index.url}/simple/"
    return Network(rules, Index(Remote(url, Fetcher(rules, url)), Cache(cache, 10**9)))


def kept(cache: Path) -> list[Path]:
    """Return the files in a cache."""
    return [path for path in cache.rglob("*") if path.is_file()]


async def bash(session: Session, command: str, timeout: float = 60) -> Execution:
    return await session.run("bash", {"command": command}, timeout=timeout)


async def python(session: Session, code: str, timeout: float = 60) -> Execution:
    return await session.run("python", {"code": code}, timeout=timeout)
