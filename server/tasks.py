"""Tasks of the protocol (io.modelcontextprotocol/tasks): a long call is answered by a task id.

They are for clients that declare them, from protocol 2026-07-28 on. The call goes on in a task of
the server, and the client fetches its result later. Background runs of a model are something else:
every client has `background_run`.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, Literal

import anyio
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import authenticated_principal, require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    RequestParams,
)
from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    Call = ServerRequestContext[Any, Any]

log = logging.getLogger(__name__)

VERSIONS = frozenset({"2026-07-28"})

LONG = frozenset({"execute_python", "execute_bash", "run_tests"})

MAX_DIRECT_ANSWER_SECONDS = 5.0
"""Seconds until a call becomes a task. A shorter one is answered directly, in fewer requests."""

POLL_INTERVAL_MS = 1_000

MAX_RESULT_KEPT_SECONDS = 600.0
"""For which a result can be fetched, after the end of its task."""

MAX_TASKS = 64
"""Tasks at one time, each with a result of at most 900 kB."""


class TaskParams(RequestParams):
    task_id: str = Field(max_length=100)


class UpdateParams(TaskParams):
    input_responses: dict[str, Any] = Field(default={})


class Task:
    """A call and its outcome."""

    def __init__(self, owner: str | None) -> None:
        self.id = secrets.token_hex(16)
        self.owner = owner
        self.status: Literal["working", "completed", "failed", "cancelled"] = "working"
        self.outcome: dict[str, Any] = {}
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self._created = self._updated = time.time()

    async def run(self, ctx: Call, call_next: CallNext) -> None:
        """Make the call, and keep whatever it raises."""
        try:
            with self.scope:
                result = await call_next(ctx)
                if isinstance(result, CallToolResult):
                    result = result.model_dump(by_alias=True, mode="json", exclude_none=True)
                self.status, self.outcome = "completed", {"result": result}
            if self.scope.cancelled_caught:
                self.status = "cancelled"
        except MCPError as exc:
            self._fail(exc.error.model_dump(by_alias=True, mode="json", exclude_none=True))
        except anyio.get_cancelled_exc_class():
            self.status = "cancelled"  # by the end of the server
            raise
        except BaseException:
            log.exception("A task raised")
            message = "Internal error of the server; its log has the cause."
            self._fail({"code": INTERNAL_ERROR, "message": message})
        finally:
            self._updated = time.time()
            self.ended.set()

    def _fail(self, error: dict[str, Any]) -> None:
        self.status, self.outcome = "failed", {"error": error}

    @property
    def expired(self) -> bool:
        return self.ended.is_set() and time.time() > self._updated + MAX_RESULT_KEPT_SECONDS

    def facts(self) -> dict[str, Any]:
        kept = self._updated + MAX_RESULT_KEPT_SECONDS - self._created
        return {
            "taskId": self.id,
            "status": self.status,
            "createdAt": _iso(self._created),
            "lastUpdatedAt": _iso(self._updated),
            "ttlMs": round(kept * 1000) if self.ended.is_set() else None,
            "pollIntervalMs": POLL_INTERVAL_MS,
        }


class Tasks(Extension):
    """Answers long calls by a task id, and serves requests about them."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(
        self, long: frozenset[str] = LONG, patience_seconds: float = MAX_DIRECT_ANSWER_SECONDS
    ) -> None:
        self._long = long
        self._patience = patience_seconds
        self._tasks: dict[str, Task] = {}

    def methods(self) -> Sequence[MethodBinding]:
        return (
            MethodBinding("tasks/get", TaskParams, self._get, VERSIONS),
            MethodBinding("tasks/update", UpdateParams, self._update, VERSIONS),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, VERSIONS),
        )

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Call, call_next: CallNext
    ) -> HandlerResult:
        """Answer with a task if the call takes long and the client supports tasks."""
        at_once = bool((params.arguments or {}).get("background"))
        if params.name not in self._long or at_once or not self._declared(ctx):
            return await call_next(ctx)
        self._make_room()
        if len(self._tasks) >= MAX_TASKS:
            return await call_next(ctx)
        task = Task(authenticated_principal(ctx))
        # A client gets no progress after its request has been answered.
        meta: Any = {k: v for k, v in (ctx.meta or {}).items() if k != "progress_token"}
        quiet = dataclasses.replace(ctx, meta=meta)
        ctx.lifespan_context.tasks.start_soon(task.run, quiet, call_next)
        try:
            with anyio.move_on_after(self._patience):
                await task.ended.wait()
        except anyio.get_cancelled_exc_class():
            task.scope.cancel()
            with anyio.CancelScope(shield=True):
                await task.ended.wait()
            raise
        if task.status == "completed" and self._patience:
            return task.outcome["result"]  # type: ignore[no-any-return]
        if task.status == "failed" and self._patience:
            raise MCPError(**task.outcome["error"])
        self._tasks[task.id] = task
        return {"resultType": "task", **task.facts()}

    def _declared(self, ctx: Call) -> bool:
        capabilities = ctx.session.client_capabilities
        declared = (capabilities.extensions if capabilities else None) or {}
        return ctx.protocol_version in VERSIONS and self.identifier in declared

    def _make_room(self) -> None:
        for task in [task for task in self._tasks.values() if task.expired]:
            del self._tasks[task.id]
        while len(self._tasks) >= MAX_TASKS:
            ended = [task for task in self._tasks.values() if task.ended.is_set()]
            if not ended:
                return
            del self._tasks[ended[0].id]

    # --- requests about tasks

    async def _get(self, ctx: Call, params: TaskParams) -> HandlerResult:
        task = self._named(ctx, params)
        return {**task.facts(), **task.outcome}

    async def _update(self, ctx: Call, params: UpdateParams) -> HandlerResult:
        self._named(ctx, params)  # our tasks never ask the client for input
        return {}

    async def _cancel(self, ctx: Call, params: TaskParams) -> HandlerResult:
        self._named(ctx, params).scope.cancel()
        return {}

    def _named(self, ctx: Call, params: TaskParams) -> Task:
        require_client_extension(ctx, self.identifier)
        headers = getattr(ctx.request, "headers", None)
        if headers is not None and headers.get("mcp-name") != params.task_id:
            raise MCPError(HEADER_MISMATCH, "The Mcp-Name header must be the taskId.")
        self._make_room()
        task = self._tasks.get(params.task_id)
        if task is None or task.owner != authenticated_principal(ctx):
            text = "No such task: its result was kept for ten minutes, or it never existed."
            raise MCPError(INVALID_PARAMS, f"{text} Call the tool again.")
        return task


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")
