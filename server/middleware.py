"""Pass every request through: repair what arrives, and clean what is sent."""

import logging
import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import get_cancelled_exc_class
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    SERVER_INFO_META_KEY,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptReference,
    Resource,
    ResourceTemplate,
    SubscribeRequestParams,
    TextContent,
    UnsubscribeRequestParams,
)
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from bellglass.sandboxes.execution import clean, cleaned
from bellglass.sandboxes.sessions.callers import Caller
from bellglass.server.logs import short_hash
from bellglass.tools.callers import caller_of_request, calling
from bellglass.tools.context import Request, ToolContext
from bellglass.tools.errors import misspelt_argument, wrong_arguments
from bellglass.tools.execute.network_text import counted
from bellglass.tools.execute.rendering import RECORD
from bellglass.tools.execute.text_layout import LAYOUT
from bellglass.tools.files import session_files, watching
from bellglass.tools.files.addresses import TEMPLATES
from bellglass.tools.files.completions import complete
from bellglass.tools.sessions.session_resolver import FIRST_MODERN_VERSION, legacy_connection

log = logging.getLogger(__name__)

_SURROGATE = re.compile("[\ud800-\udfff]")

Result = CallToolResult | InputRequiredResult
Signed = TypeVar("Signed", bound=CallToolResult | InputRequiredResult | ListToolsResult)

if TYPE_CHECKING:
    from mcp.shared._stream_protocols import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage

    Received = ReadStream[SessionMessage | Exception]
    Sent = WriteStream[SessionMessage]


class BellglassServer(MCPServer[ToolContext]):
    """The SDK's server, with our errors for refused calls, and one line of log for every call."""

    def __init__(
        self,
        name: str,
        *,
        tools: Sequence[Tool],
        middleware: Sequence[ServerMiddleware[Any]] = (),
        **options: Any,
    ) -> None:
        middleware = [guard, *middleware]
        super().__init__(name, tools=list(tools), middleware=middleware, **options)
        self._arguments = {tool.name: frozenset(tool.parameters["properties"]) for tool in tools}
        self._required = {tool.name: tool.parameters.get("required", ()) for tool in tools}
        self._signature = {"name": name, "version": options.get("version", "")}
        self.context: ToolContext | None = None
        """As long as the server serves."""
        # MCPServer has no way to these two that gives the handler the request.
        add = self._lowlevel_server.add_request_handler
        add("completion/complete", CompleteRequestParams, self._complete)
        add("resources/subscribe", SubscribeRequestParams, watching.watch)
        add("resources/unsubscribe", UnsubscribeRequestParams, watching.unwatch)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[ToolContext, Any] | None = None
    ) -> Result:
        started = time.monotonic()
        status, session_id, asked = "cancelled", None, ""
        request = context.request_context if context is not None else None
        try:
            with calling(_caller(request)):
                result = await self._call(name, arguments, context)
            if request is not None and request.lifespan_context.one_block:
                _join_text(result)
            status, session_id = _summary(result)
            asked = counted((getattr(result, "meta", None) or {}).get(RECORD, {}))
            return self._signed(result, request)
        except ToolError as exc:
            # An unexpected exception has the SDK's wrapper, which is a ToolError too.
            status = "refused" if type(exc) is ToolError else "internal error"
            raise
        finally:
            log.info(
                "%s %s %.3f s%s",
                name if name in self._arguments else "unknown tool",
                status,
                time.monotonic() - started,
                (f" session {short_hash(session_id)}" if session_id else "") + asked,
            )

    async def _handle_list_tools(
        self,
        ctx: ServerRequestContext[ToolContext, Any],
        params: PaginatedRequestParams | None,
    ) -> ListToolsResult:
        return self._signed(await super()._handle_list_tools(ctx, params), ctx)

    def _signed(self, result: Signed, request: Request | None) -> Signed:
        """Identify the server in a result, if the protocol wants it: without the long icon.

        The SDK would put everything that `server/discover` returns into every result.
        """
        if request is None or request.protocol_version < FIRST_MODERN_VERSION:
            return result
        result.meta = {**(result.meta or {}), SERVER_INFO_META_KEY: self._signature}
        return result

    async def list_resources(self) -> list[Resource]:
        """List nothing: hosts find the page through the tools that name it."""
        resources = await super().list_resources()
        return [resource for resource in resources if not resource.uri.startswith("ui://")]

    async def list_prompts(self) -> list[Prompt]:
        # few clients ask for them, so they are not imported at start
        from bellglass.server import prompts

        return prompts.listed()

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[ToolContext, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        from bellglass.server import prompts

        return prompts.written(repaired(name), repaired(arguments or {}))

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        return list(TEMPLATES)

    async def read_resource(
        self, uri: Any, context: Context[ToolContext, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a file of a session; the SDK reads other resources.

        A template of the SDK would not do: its resources have one type of content and one part.
        """
        if context is not None:
            contents = await session_files.read(repaired(str(uri)), context)
            if contents is not None:
                return contents
        return await super().read_resource(uri, context)

    async def _complete(
        self, ctx: ServerRequestContext[ToolContext, Any], params: CompleteRequestParams
    ) -> CompleteResult:
        params = CompleteRequestParams.model_validate(repaired(params.model_dump(by_alias=True)))
        if isinstance(params.ref, PromptReference):
            from bellglass.server import prompts

            offered = prompts.choices(params.ref.name, params.argument.name, params.argument.value)
            if offered is not None:
                return CompleteResult(completion=Completion(values=offered, total=len(offered)))
        context = Context(request_context=ctx, mcp_server=self)
        return CompleteResult(completion=await complete(context, params))

    async def run_on(self, received: "Received", sent: "Sent") -> None:
        """Serve one client on these streams, with the lifespan around it.

        mcp 2.3 does this only for streams of its own; a test fails if the attribute disappears.
        """
        server = self._lowlevel_server
        await server.run(received, sent, server.create_initialization_options())

    async def _call(
        self, name: str, arguments: dict[str, Any], context: Context[ToolContext, Any] | None
    ) -> Result:
        known = self._arguments.get(name)
        if known is not None:
            # Some clients send null for arguments that their model left out.
            arguments = {
                key: value
                for key, value in repaired(arguments).items()
                if value is not None or key in self._required[name]
            }
            if complaint := misspelt_argument(arguments, known):
                raise ToolError(complaint)
        try:
            return _sendable(await super().call_tool(name, arguments, context))
        except UnexpectedToolError as exc:
            text = f"{name} failed because of a fault in the server, not in the code. Try again."
            raise UnexpectedToolError(text) from exc.__cause__
        except ToolError as exc:
            match exc.__cause__:
                case ValidationError() as error:
                    raise ToolError(wrong_arguments(name, error)) from error
                case ToolError() as error if type(error) is ToolError:
                    raise error from None  # our text alone, without the SDK's prefix
                case None:
                    tools = ", ".join(self._arguments)
                    raise ToolError(
                        f"No tool {clean(name[:60])!r}. The tools are: {tools}."
                    ) from None
            raise


async def guard(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Keep an exception of a handler from ending the server or reaching the client."""
    try:
        return await call_next(ctx)
    except (MCPError, ValidationError, get_cancelled_exc_class()):
        raise
    except BaseException as exc:
        log.exception("A handler raised")
        raise MCPError(
            INTERNAL_ERROR, "Internal error of the server; its log has the cause."
        ) from exc


def repaired(value: Any) -> Any:
    """Return `value` with every lone surrogate replaced; JavaScript clients send them."""
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return [repaired(item) for item in value]
        case dict():
            return {repaired(key): repaired(item) for key, item in value.items()}
        case _:
            return value


def _caller(request: Request | None) -> Caller | None:
    http = request.request if request is not None else None
    if request is None or not isinstance(http, HTTPConnection):
        return None
    # The SDK has checked that the session is one of its own, but only for a legacy request.
    legacy = legacy_connection(request) is not None
    return caller_of_request(http, http.headers.get("mcp-session-id") if legacy else None)


def _sendable(result: Result) -> Result:
    """Clean every string of `result`: one lone surrogate would end the SDK's stdio writer."""
    if isinstance(result, CallToolResult):
        for block in result.content:
            if isinstance(block, TextContent):
                block.text = clean(block.text)
        if result.structured_content is not None:
            result.structured_content = cleaned(result.structured_content)
    return result


def _join_text(result: Result) -> None:
    """Put all text of `result` into its first block; pictures and links follow."""
    if not isinstance(result, CallToolResult):
        return
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    others = [block for block in result.content if not isinstance(block, TextContent)]
    result.content = [TextContent(type="text", text="\n".join(texts)), *others]
    (result.meta or {}).pop(LAYOUT, None)  # it describes the blocks


def _summary(result: Result) -> tuple[str, str | None]:
    """Return the status and the session of a call, as far as the result has them."""
    if not isinstance(result, CallToolResult):
        return "asks", None
    record = (result.meta or {}).get(RECORD, {})
    structured = result.structured_content if isinstance(result.structured_content, dict) else {}
    return (
        record.get("status", "error" if result.is_error else "ok"),
        record.get("session_id") or structured.get("session_id"),
    )
