"""Chromium, driven over its DevTools pipe, and the page of a host in it."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from absent import need

HOST = Path(__file__).with_name("host.html")

SECONDS = 60
"""For an answer; Chromium on a busy machine takes a few to start."""

WIDTH = 760

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # of its own: tests run as root, and the page is framed without privileges
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    f"--window-size={WIDTH},900",
    "--remote-debugging-pipe",
)


UNTIL = """(condition) => new Promise((resolve) => {
    const look = () => {
        if (!condition()) return;
        watch.disconnect();
        resolve(true);
    };
    const watch = new MutationObserver(look);
    const everything = { subtree: true, childList: true, attributes: true, characterData: true };
    watch.observe(document, everything);
    look();
})"""


class Browser:
    """A headless Chromium with one page: the host, which frames the view."""

    def __init__(self) -> None:
        need("chromium", "chromium")
        self._sent = 0
        self._received = b""
        self._frame: str | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        profile = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        )
        command_end, self._commands = os.pipe()
        self._answers, answer_end = os.pipe()
        redirect = f'exec "$@" 3<&{command_end} 4>&{answer_end}'
        chromium = shutil.which("chromium") or ""
        self._process = subprocess.Popen(
            ["bash", "-c", redirect, "-", chromium, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(command_end, answer_end),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_end)
        os.close(answer_end)
        self._stack.callback(self._end)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._page: str = attached["sessionId"]
        self.call(
            "Target.setAutoAttach",
            self._page,
            autoAttach=True,
            waitForDebuggerOnStart=False,
            flatten=True,
        )
        self.call("Page.navigate", self._page, url=HOST.as_uri())
        loaded = "new Promise((resolve) => addEventListener('load', () => resolve(true)))"
        self.in_host(f"document.readyState === 'complete' || {loaded}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _end(self) -> None:
        os.close(self._commands)  # which ends it
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._answers)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("method") == "Target.attachedToTarget":
                self._frame = answer["params"]["sessionId"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], SECONDS)
            assert ready, "Chromium does not answer."
            chunk = os.read(self._answers, 1 << 20)
            assert chunk, "Chromium ended."
            self._received += chunk
        line, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def in_host(self, expression: str) -> Any:
        """Return the value of an expression, awaited, in the page of the host."""
        return self._value(self._page, expression)

    def in_view(self, expression: str) -> Any:
        """Return the value of an expression, awaited, in the framed page."""
        assert self._frame is not None, "No page is framed in a process of its own."
        return self._value(self._frame, expression)

    def _value(self, session: str, expression: str) -> Any:
        answer = self.call(
            "Runtime.evaluate",
            session,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def show(self, page: str, *, theme: str = "light", **capabilities: Any) -> None:
        """Frame `page` and greet it, as a host that can do `capabilities`."""
        context = {"theme": theme, "availableDisplayModes": ["inline"]}
        arguments = ", ".join(json.dumps(value) for value in (page, capabilities, context))
        self.in_host(f"show({arguments})")
        self.received("ui/notifications/initialized")

    def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification to the view."""
        self.in_host(f"send({json.dumps({'method': method, 'params': params})})")

    def answer(self, request: dict[str, Any], result: dict[str, Any]) -> None:
        self.in_host(f"send({json.dumps({'id': request['id'], 'result': result})})")

    def received(self, *methods: str) -> dict[str, Any]:
        """Wait for a message of the view with one of these methods; each is returned once."""
        message: dict[str, Any] = self.in_host(f"received({json.dumps(methods)})")
        return message

    def wait_until(self, condition: str) -> None:
        """Wait until a condition holds in the view, looking whenever its content changes."""
        self.in_view(f"({UNTIL})(() => {condition})")

    def screenshot(self, path: Path) -> None:
        """Write a picture of the host's page."""
        height = self.in_host("document.body.offsetHeight")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            self._page,
            width=WIDTH,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.in_view(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        picture = self.call("Page.captureScreenshot", self._page)
        path.write_bytes(base64.b64decode(picture["data"]))
