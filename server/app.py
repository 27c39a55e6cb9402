"""Build the MCP server: its tools, and its description of itself."""

import base64
import inspect
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
from mcp.server import CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.mcpserver import Icon
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations

from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.saving.store import SessionStore
from bellglass.sandboxes.sessions.durations import duration
from bellglass.sandboxes.sessions.sessions import Sessions
from bellglass.sandboxes.setup.packages import Packages
from bellglass.sandboxes.setup.preparation import Preparation
from bellglass.server import programs, tool_schemas
from bellglass.server.middleware import BellglassServer
from bellglass.server.settings import Settings
from bellglass.server.tasks import Tasks
from bellglass.tools.context import Listener, ToolContext
from bellglass.tools.entry import ToolEntry
from bellglass.tools.execute.execute_bash import execute_bash
from bellglass.tools.execute.execute_python import execute_python
from bellglass.tools.execute.hints.networks import ASIDE, MANUAL
from bellglass.tools.files.updates import Updates
from bellglass.tools.groups import left_out
from bellglass.tools.lent_folders import named
from bellglass.tools.listing import RESTRICTED, RUNNING, listed
from bellglass.tools.policy import Policy
from bellglass.tools.view import VIEW, view_extension

INSTRUCTIONS = (
    "Runs code in an isolated sandbox{network}. Every result names its session_id: pass it "
    "to the next call to go on with the same variables and files; without it a call may start "
    "afresh. Code that fails is a normal result whose first line says how.{folders}"
)

_ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2a7f8e" '
    b'stroke-width="1.8" stroke-linecap="round"><path d="M5 19v-8a7 7 0 0 1 14 0v8M3 19h18"/>'
    b'<circle cx="12" cy="2.5" r="1"/></svg>'
)


def build_server(
    settings: Settings,
    choose: Callable[[], Awaitable[Backend]] | None = None,
    listener: Listener | None = None,
    *,
    prepare: bool = False,
    store: SessionStore | None = None,
) -> BellglassServer:
    """Return the server; `choose` makes the backend on first use.

    `prepare`: install the packages for sandboxes if they are missing. `store`: where sessions are
    saved before they end.
    """
    preparation = _preparation(settings, allowed=prepare)
    choose = choose or _chooser(settings)
    found = programs.sentence(settings)
    packages = preparation.packages.manual()

    background = "background" in settings.tools
    updates = Updates()

    @asynccontextmanager
    async def lifespan(server: object) -> AsyncGenerator[ToolContext]:
        async with (
            Sessions.open_all(
                choose,
                max_sessions=settings.max_sessions,
                idle_seconds=settings.session_idle_seconds,
                age_seconds=settings.session_max_seconds,
                detached_seconds=settings.detached_seconds,
                pool=settings.warm_sessions,
                choose_for_checks=_chooser_for_checks(settings),
                store=store,
            ) as sessions,
            anyio.create_task_group() as tasks,
        ):
            context = ToolContext(
                sessions=sessions,
                updates=updates,
                tasks=tasks,
                limits=settings.limits(),
                policy=Policy(
                    risks=settings.refuse_risks,
                    imports=settings.refuse_imports,
                    longer_than=settings.max_code_characters,
                ),
                network=settings.network,
                folders=settings.folders,
                save_to=settings.save_to,
                packages=preparation.packages,
                timeout_seconds=settings.timeout_seconds,
                background_seconds=settings.background_seconds if background else 0,
                left_out=left_out(settings.tools),
                explicit_sessions=settings.session_scope == "explicit",
                grace_seconds=settings.grace_seconds,
                listener=listener,
                links=settings.links,
                one_block=settings.one_block,
                errors_as_tool_errors=settings.errors_as_tool_errors,
            )
            assert isinstance(server, BellglassServer)
            server.context = context
            tasks.start_soon(preparation.run)
            yield context
            tasks.cancel_scope.cancel()

    return BellglassServer(
        "bellglass",
        title="bellglass",
        version=version("bellglass"),
        instructions=_instructions(settings, preparation.packages),
        icons=[
            Icon(
                src=f"data:image/svg+xml;base64,{base64.b64encode(_ICON).decode()}",
                mime_type="image/svg+xml",
                sizes=["any"],
            )
        ],
        tools=[
            _tool(entry, settings, found, packages)
            for entry in listed(settings.tools, settings.extra_tools)
        ],
        extensions=[view_extension(), Tasks()],
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope="public")},
        lifespan=lifespan,
        subscriptions=updates,
        middleware=[_after_answer(preparation.request)],
    )


def _preparation(settings: Settings, *, allowed: bool) -> Preparation:
    if sys.platform != "linux" or settings.sandbox not in ("auto", "embedded"):
        return Preparation(Packages())  # an image has its own packages
    python = getattr(settings.of_backend("embedded"), "python", None)
    return Preparation.of_this_machine(python, allowed=allowed and settings.setup == "auto")


def _after_answer(then: Callable[[], None]) -> ServerMiddleware[ToolContext]:
    async def middleware(
        ctx: ServerRequestContext[ToolContext, Any], call_next: CallNext
    ) -> HandlerResult:
        try:
            return await call_next(ctx)
        finally:
            then()

    return middleware


def _instructions(settings: Settings, packages: Packages) -> str:
    folders = named(settings.folders, settings.save_to)
    text = INSTRUCTIONS.format(
        network=ASIDE[settings.network], folders=f" {folders}" if folders else ""
    )
    return f"{text} {packages.manual()}" if packages.awaited else text


def _chooser(settings: Settings) -> Callable[[], Awaitable[Backend]]:
    async def choose() -> Backend:
        # On first use, because many clients start a server only to list its tools.
        from bellglass.server.backend_selection import choose as chosen

        return await chosen(settings)

    return choose


def _chooser_for_checks(settings: Settings) -> Callable[[], Awaitable[Backend | None]]:
    async def choose() -> Backend | None:
        from bellglass.server.backend_selection import choose_for_checks

        return await choose_for_checks(settings)

    return choose


def _tool(entry: ToolEntry, settings: Settings, found: str, packages: str) -> Tool:
    """Return `entry` in the SDK's form, with texts that match the settings.

    `found` and `packages` are sentences about programs and packages of the sandbox.
    """
    lent = named(settings.folders, settings.save_to)
    facts = {
        "{idle}": duration(settings.session_idle_seconds),
        "{age}": duration(settings.session_max_seconds),
        "{timeout}": f"{settings.timeout_seconds:g}",
        "{network}": f"{MANUAL[settings.network]} {lent}".strip(),
        "{programs}": found,
        "{lent}": " or /folders" if settings.folders else "",
        "{packages}": packages,
        "{kept}": "; background=true keeps them" if "background" in settings.tools else "",
    }

    def filled(text: str) -> str:
        for name, fact in facts.items():
            text = text.replace(name, fact)
        return text.replace("  ", " ")  # around a fact that is not known

    manual = inspect.cleandoc(entry.function.__doc__ or "")
    if settings.sandbox == "restricted":
        manual = RESTRICTED.get(entry.function.__name__, manual)
    tool = Tool.from_function(
        entry.function,
        title=entry.title,
        description=filled(manual),
        annotations=_annotations(entry, settings),
        meta={"ui": {"resourceUri": VIEW}} if entry.shown else None,
    )
    parameters = tool_schemas.for_arguments(tool.parameters)
    if "background" not in settings.tools and entry.function in (execute_python, execute_bash):
        del parameters["properties"]["background"]  # nothing could read what it starts
    tool.parameters = json.loads(filled(json.dumps(parameters)))
    tool.fn_metadata.output_schema = tool_schemas.for_results(tool.fn_metadata.output_schema)
    return tool


def _annotations(entry: ToolEntry, settings: Settings) -> ToolAnnotations:
    if settings.network == "none" or entry.function.__name__ not in RUNNING:
        return entry.annotations
    return entry.annotations.model_copy(update={"open_world_hint": True})
