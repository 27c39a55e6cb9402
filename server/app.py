"""Build the MCP server: its tools, and its description of itself."""

import base64
import inspect
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
from mcp.server import CacheHint
from mcp.server.mcpserver import Icon
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations

from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.sessions.sessions import Sessions
from bellglass.server.middleware import BellglassServer
from bellglass.server.settings import Settings
from bellglass.server.tasks import Tasks
from bellglass.tools.context import Listener, ToolContext
from bellglass.tools.durations import duration
from bellglass.tools.entry import ToolEntry
from bellglass.tools.execute.hints.networks import ASIDE, MANUAL
from bellglass.tools.files.updates import Updates
from bellglass.tools.listing import RESTRICTED, RUNNING, with_extra
from bellglass.tools.policy import Policy
from bellglass.tools.view import VIEW, view_extension

INSTRUCTIONS = (
    "Runs code in an isolated sandbox{network}. Every result names its session_id: pass it "
    "to the next call to go on with the same variables and files; without it a call may start "
    "afresh. Code that fails is a normal result whose first line says how."
)

_ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2a7f8e" '
    b'stroke-width="1.8" stroke-linecap="round"><path d="M5 19v-8a7 7 0 0 1 14 0v8M3 19h18"/>'
    b'<circle cx="12" cy="2.5" r="1"/></svg>'
)

MIN_OMITTED_BOUND = 86_400
"""Above this, schemas for models leave out a bound: no model reaches it by accident."""


def build_server(
    settings: Settings,
    choose: Callable[[], Awaitable[Backend]] | None = None,
    listener: Listener | None = None,
) -> BellglassServer:
    """Return the server; `choose` makes the backend on first use."""
    choose = choose or _chooser(settings)

    updates = Updates()

    @asynccontextmanager
    async def lifespan(server: object) -> AsyncGenerator[ToolContext]:
        async with (
            Sessions.open_all(
                choose,
                max_sessions=settings.max_sessions,
                idle_seconds=settings.session_idle_seconds,
                age_seconds=settings.session_max_seconds,
                pool=settings.warm_sessions,
                choose_for_checks=_chooser_for_checks(settings),
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
                timeout_seconds=settings.timeout_seconds,
                background_seconds=settings.background_seconds,
                explicit_sessions=settings.session_scope == "explicit",
                grace_seconds=settings.grace_seconds,
                listener=listener,
                links=settings.links,
                errors_as_tool_errors=settings.errors_as_tool_errors,
            )
            assert isinstance(server, BellglassServer)
            server.context = context
            yield context
            tasks.cancel_scope.cancel()

    return BellglassServer(
        "bellglass",
        title="bellglass",
        version=version("bellglass"),
        instructions=INSTRUCTIONS.format(network=ASIDE[settings.network]),
        icons=[
            Icon(
                src=f"data:image/svg+xml;base64,{base64.b64encode(_ICON).decode()}",
                mime_type="image/svg+xml",
                sizes=["any"],
            )
        ],
        tools=[_tool(entry, settings) for entry in with_extra(settings.extra_tools)],
        extensions=[view_extension(), Tasks()],
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope="public")},
        lifespan=lifespan,
        subscriptions=updates,
    )


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


def _tool(entry: ToolEntry, settings: Settings) -> Tool:
    """Return `entry` in the SDK's form, with texts that match the settings."""
    facts = {
        "{idle}": duration(settings.session_idle_seconds),
        "{age}": duration(settings.session_max_seconds),
        "{timeout}": f"{settings.timeout_seconds:g}",
        "{network}": MANUAL[settings.network],
    }

    def filled(text: str) -> str:
        for name, fact in facts.items():
            text = text.replace(name, fact)
        return text

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
    parameters = _without_bounds(_without_nulls(_without_titles(tool.parameters)))
    tool.parameters = json.loads(filled(json.dumps(parameters)))
    tool.fn_metadata.output_schema = _without_details(
        _without_titles(tool.fn_metadata.output_schema)
    )
    return tool


def _annotations(entry: ToolEntry, settings: Settings) -> ToolAnnotations:
    if settings.network == "none" or entry.function.__name__ not in RUNNING:
        return entry.annotations
    return entry.annotations.model_copy(update={"open_world_hint": True})


def _without_titles(schema: Any) -> Any:
    """Drop the titles that pydantic makes from names: the listing costs tokens in every chat."""
    match schema:
        case dict():
            return {
                key: _without_titles(value)
                for key, value in schema.items()
                if not (key == "title" and isinstance(value, str))
            }
        case list():
            return [_without_titles(item) for item in schema]
        case _:
            return schema


def _without_bounds(schema: Any) -> Any:
    """Leave out maximum lengths, empty defaults, and the contents of objects.

    They are enforced all the same, and an error names the bound.
    """
    match schema:
        case {"$ref": str()}:
            return {"type": "object"}
        case dict():
            return {
                key: _without_bounds(value)
                for key, value in schema.items()
                if key not in ("maxLength", "maxItems", "exclusiveMinimum", "$defs")
                and not (key in ("minimum", "maximum") and abs(value) >= MIN_OMITTED_BOUND)
                and not (key == "default" and not value)
            }
        case list():
            return [_without_bounds(item) for item in schema]
        case _:
            return schema


def _without_details(schema: Any) -> Any:
    """Leave out the schemas of list items: few clients need them, and results show the items."""
    match schema:
        case {"$ref": str()}:
            return {"type": "object"}
        case dict():
            return {
                key: _without_details(value)
                for key, value in _without_nulls(schema).items()
                if key not in ("$defs", "additionalProperties")
                and not (key == "required" and isinstance(value, list))
            }
        case list():
            return [_without_details(item) for item in schema]
        case _:
            return schema


def _without_nulls(schema: Any) -> Any:
    """Remove null from the types of an optional argument.

    Null is accepted all the same. Several clients cannot read a choice of types.
    """
    match schema:
        case {"anyOf": [dict(one), {"type": "null"}], "default": None, **rest}:
            return {**_without_nulls(one), **rest}
        case dict():
            return {key: _without_nulls(value) for key, value in schema.items()}
        case list():
            return [_without_nulls(item) for item in schema]
        case _:
            return schema
