"""An endpoint that speaks OpenAI's chat completions: scripted answers, and real faults."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator


class Reply(NamedTuple):
    """What the endpoint does with one request."""

    text: str = ""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    """Close the connection in the middle of the answer."""
    unsaid: bool = False
    """End the answer in its middle without a word on why, as some gateways do."""
    hang: bool = False
    """Say a word, and then nothing more until the client leaves."""
    raw: tuple[str, bytes] | None = None
    """Answer with this content type and body instead of a stream of completions."""
    finish: str = "stop"
    tokens: int = 11
    """Of the prompt, as the endpoint counts them."""


class Endpoint(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, replies: list[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = list(replies)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.asked_once = threading.Event()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave: they are part of the tests."""


@contextmanager
def endpoint(*replies: Reply) -> Generator[Endpoint]:
    with Endpoint(list(replies)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(json.loads(body))
        self.server.keys.append(self.headers["authorization"])
        reply = self.server.replies.pop(0)
        if reply.status != 200:
            data = json.dumps({"error": {"message": "no luck", "type": "test"}}).encode()
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return
        if reply.raw is not None:
            kind, data = reply.raw
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        middle = len(reply.text) // 2
        self._event({"content": reply.text[:middle], "role": "assistant"})
        self.server.asked_once.set()
        if reply.hang:
            self.server.ended.wait(60)
        if reply.cut or reply.hang:
            self.close_connection = True
            return
        if reply.unsaid:
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")
            return
        self._event({"content": reply.text[middle:]})
        self._event({}, finish_reason=reply.finish)
        usage = {
            "prompt_tokens": reply.tokens,
            "completion_tokens": 7,
            "total_tokens": reply.tokens + 7,
        }
        self._send({"choices": [], "usage": usage})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        self._send({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    def _send(self, event: dict[str, Any]) -> None:
        whole = {
            "id": "chat-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "test-model",
            **event,
        }
        self._chunk(f"data: {json.dumps(whole)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass
