"""A model with a script, behind OpenAI's chat completions over real HTTP on loopback.

It stands for a paid model, and for nothing else: the framework, its client of the model and its
MCP client are real. The script is a conversation about one session: compute and keep a variable,
draw, write a file, print more than a result holds and show a large table in the session that the
first result named, use the variable, answer with both numbers.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TASK = "Compute the sum of the squares of the first five primes, and twice their sum."
ANSWER = "208 and 56"

FIRST = {"code": "primes = [2, 3, 5, 7, 11]\nsum(p * p for p in primes)"}
MAKING = {
    "code": """
import matplotlib.pyplot as plt
import pandas as pd
plt.plot(primes)
open("primes.txt", "w").write(str(primes))
print("one of many lines\\n" * 20_000)
pd.DataFrame({"n": range(100_000)})
"""
}
"""Every kind of content that a result can have."""
SECOND = {"code": "sum(primes) * 2"}
CALLS = 3

_RESULT = re.compile(r"(\d+)(?:\\+n|\s|', ')+session_id: ([0-9a-f]{10,32})")


class ScriptedModel:
    """What it was asked, for a test to look at."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the next message of the script, by the results that it has been shown."""
        self.requests.append(request)
        tools = {tool["function"]["name"] for tool in request.get("tools", ())}
        execute = next((name for name in tools if name.endswith("execute_python")), None)
        results = list(_results(request["messages"]))
        if len(self.requests) > CALLS:
            (squares, _), (twice, _), *_ = results
            answer = f"{squares} and {twice}"
            if "final_answer" in tools:
                return _call("final_answer", {"answer": answer})
            return {"role": "assistant", "content": answer}
        assert execute is not None, f"the model was offered {sorted(tools)}"
        if len(self.requests) == 1:
            return _call(execute, FIRST)
        ((_, session_id), *_) = results
        code = MAKING if len(self.requests) == 2 else SECOND
        return _call(execute, {**code, "session_id": session_id}, str(len(self.requests)))


def _results(messages: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for message in messages:
        if message["role"] not in ("assistant", "system"):
            yield from _RESULT.findall("\n".join(_texts(message["content"])))


def _texts(content: Any) -> Iterator[str]:
    """Yield the texts of a message: a text, blocks, or either of them as JSON in a text."""
    match content:
        case str():
            try:
                inner = json.loads(content)
            except ValueError:
                inner = None
            if isinstance(inner, list | dict):
                yield from _texts(inner)
            else:
                yield content
        case list():
            for one in content:
                yield from _texts(one)
        case {"text": str(text)}:
            yield from _texts(text)


def _call(name: str, arguments: dict[str, Any], number: str = "1") -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    # Each with an id of its own: a framework may tell calls apart by it.
    call = {"id": f"call_{number}_{name}"[:40], "type": "function"}
    return {"role": "assistant", "content": None, "tool_calls": [{**call, "function": function}]}


@contextmanager
def served() -> Iterator[tuple[ScriptedModel, str]]:
    """Serve a model; yield it and the base URL for clients of OpenAI."""
    model = ScriptedModel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = model.answer(request)
            choice = {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
            }
            body = {
                "id": "scripted",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [choice],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield model, f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
