"""Our server on HTTP, with the fixtures of the protocol's conformance suite.

The suite looks at a server through tools, resources and prompts with names that it knows. These
answer through the same middleware, handlers and transport as our own tools do.
"""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

import anyio
from clients import conformance_prompts
from mcp import MCPError
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.types import (
    INTERNAL_ERROR,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    ContentBlock,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    Prompt,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)

from bellglass.server import app, logs
from bellglass.server.http.serving import serve_http
from bellglass.server.middleware import BellglassServer
from bellglass.server.settings import Settings
from bellglass.server.shutdown import Stop
from bellglass.server.tasks import Tasks

PNG = conformance_prompts.PNG
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

RESOURCES = {
    "test://static-text": "This is the content of the static text resource.",
    "test://watched-resource": "watched",
    "test://template/123/data": json.dumps({"id": "123", "templateTest": True}),
}


class ServerWithFixtures(BellglassServer):
    async def list_prompts(self) -> list[Prompt]:
        return [*await super().list_prompts(), *conformance_prompts.PROMPTS]

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        if name == "test_input_required_result_prompt" and context is not None:
            if context.input_responses is None:
                asked = form("What context should the prompt use?", context="string")
                return InputRequiredResult(input_requests={"user_context": asked})
            return conformance_prompts.written("test_simple_prompt", {})
        if name.startswith("test_"):
            return conformance_prompts.written(name, arguments or {})
        return await super().get_prompt(name, arguments, context)

    async def read_resource(
        self, uri: Any, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        if str(uri) == "test://static-binary":
            return [ReadResourceContents(content=b"\x89PNG\r\n", mime_type="image/png")]
        if (text := RESOURCES.get(str(uri))) is not None:
            return [ReadResourceContents(content=text, mime_type="text/plain")]
        return await super().read_resource(uri, context)


def text(said: str) -> TextContent:
    return TextContent(type="text", text=said)


def embedded(uri: str, said: str, kind: str = "text/plain") -> EmbeddedResource:
    contents = TextResourceContents(uri=uri, mime_type=kind, text=said)
    return EmbeddedResource(type="resource", resource=contents)


def form(message: str, **fields: str) -> ElicitRequest:
    """Return a request to the user with required fields of these types."""
    properties = {name: {"type": kind} for name, kind in fields.items()}
    schema = {"type": "object", "properties": properties, "required": list(fields)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def question(asked: str, most: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=text(asked))
    return CreateMessageRequest(
        params=CreateMessageRequestParams(messages=[message], max_tokens=most)
    )


NAME = form("What is your name?", name="string")
COLOUR = form("Step 2: What is your favorite color?", color="string")
SIMPLE: dict[str, list[ContentBlock]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [ImageContent(type="image", data=PNG, mime_type="image/png")],
    "test_audio_content": [AudioContent(type="audio", data=WAV, mime_type="audio/wav")],
    "test_embedded_resource": [
        embedded("test://embedded-resource", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        ImageContent(type="image", data=PNG, mime_type="image/png"),
        embedded("test://mixed-content-resource", '{"test": "data"}', "application/json"),
    ],
}
"""What a fixture returns that always returns the same."""

ASKING: dict[str, dict[str, Any]] = {
    "elicitation": {"user_name": NAME},
    "sampling": {"capital_question": question("What is the capital of France?")},
    "list_roots": {"client_roots": ListRootsRequest()},
    "request_state": {"confirm": form("Please confirm", ok="boolean")},
    "tampered_state": {"confirm": form("Please confirm", ok="boolean")},
    "multiple_inputs": {
        "user_name": NAME,
        "greeting": question("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    },
    "multi_round": {"step1": form("Step 1: What is your name?", name="string")},
    "capabilities": {"greeting": question("Generate a greeting")},
}
"""What a fixture asks the client for before it answers, by the end of its name."""

DEFAULTS = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {
        "type": "string",
        "enum": ["active", "inactive", "pending"],
        "default": "active",
    },
    "verified": {"type": "boolean", "default": True},
}
TITLED = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
PLAIN = ["option1", "option2", "option3"]
ENUMS = {
    "untitledSingle": {"type": "string", "enum": PLAIN},
    "titledSingle": {"type": "string", "oneOf": TITLED},
    "legacyEnum": {"type": "string", "enum": PLAIN, "enumNames": ["One", "Two", "Three"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": PLAIN}},
    "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
}


def add_fixtures(server: BellglassServer) -> None:
    """Add the tools and the resources that the suite calls by name."""
    for name, content in SIMPLE.items():
        server.add_tool(_returning(content), name=name, description="A fixture.")
    for name, requests in ASKING.items():
        name = f"test_input_required_result_{name}"
        server.add_tool(_asking(requests), name=name, description="A fixture.")
    for name, fields in (("sep1034_defaults", DEFAULTS), ("sep1330_enums", ENUMS)):
        name = f"test_elicitation_{name}"
        server.add_tool(_eliciting(fields), name=name, description="A fixture.")
    for function in (
        test_error_handling,
        test_tool_with_progress,
        test_sampling,
        test_elicitation,
        test_missing_capability,
        test_streaming_elicitation,
        greet,
        slow_compute,
        failing_job,
        protocol_error_job,
    ):
        server.add_tool(function, description="A fixture.")


def _returning(content: list[ContentBlock]) -> Any:
    def fixture() -> CallToolResult:
        return CallToolResult(content=content)

    return fixture


def _asking(requests: dict[str, Any]) -> Any:
    async def fixture(ctx: Context[Any, Any]) -> CallToolResult | InputRequiredResult:
        given = ctx.input_responses or {}
        rounds = "step1" in requests
        if not all(name in given for name in requests) and "step2" not in given:
            return InputRequiredResult(input_requests=requests, request_state="one")
        if rounds and "step2" not in given:
            return InputRequiredResult(input_requests={"step2": COLOUR}, request_state="two")
        told = {name: answer.model_dump(mode="json") for name, answer in given.items()}
        return CallToolResult(content=[text(f"state-ok {json.dumps(told)}")])

    return fixture


def _eliciting(fields: dict[str, Any]) -> Any:
    async def fixture(ctx: Context[Any, Any]) -> CallToolResult:
        schema = {"type": "object", "properties": fields, "required": []}
        answer = await ctx.session.elicit_form(
            "Please say", schema, related_request_id=ctx.request_id
        )
        told = f"Elicitation completed: action={answer.action}, content={answer.content}"
        return CallToolResult(content=[text(told)])

    return fixture


async def test_error_handling() -> str:
    raise ValueError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(ctx: Context[Any, Any]) -> str:
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
    return "done"


async def test_sampling(prompt: str, ctx: Context[Any, Any]) -> str:
    answer = await ctx.session.create_message(
        [SamplingMessage(role="user", content=text(prompt))],
        max_tokens=100,
        related_request_id=ctx.request_id,
    )
    return f"LLM response: {answer.content}"


async def test_elicitation(message: str, ctx: Context[Any, Any]) -> str:
    fields = {"username": {"type": "string"}, "email": {"type": "string"}}
    schema = {"type": "object", "properties": fields, "required": ["username", "email"]}
    answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"User response: action={answer.action}, content={answer.content}"


async def test_streaming_elicitation(ctx: Context[Any, Any]) -> CallToolResult:
    await ctx.report_progress(1, 2)
    return CallToolResult(content=[text("done")])


async def test_missing_capability() -> str:
    raise MCPError(
        MISSING_REQUIRED_CLIENT_CAPABILITY,
        "Missing required client capability",
        {"requiredCapabilities": {"sampling": {}}},
    )


async def greet(name: str) -> CallToolResult:
    return CallToolResult(content=[text(f"Hello, {name}!")])


async def slow_compute(seconds: float) -> CallToolResult:
    await anyio.sleep(seconds)
    return CallToolResult(content=[text("computed")])


async def failing_job() -> CallToolResult:
    await anyio.sleep(1)
    return CallToolResult(content=[text("It failed.")], is_error=True)


async def protocol_error_job() -> CallToolResult:
    raise MCPError(INTERNAL_ERROR, "This tool fails as a server would.")


LONG = frozenset({"slow_compute", "failing_job", "protocol_error_job"})


async def main() -> None:
    settings = Settings(http="127.0.0.1:0")
    logs.configure("info", ())
    setattr(app, "BellglassServer", ServerWithFixtures)  # which it builds  # noqa: B010
    # Suites expect a task at once, not only for a call that turns out to be long.
    setattr(app, "Tasks", partial(Tasks, LONG, 0.0))  # noqa: B010
    server = app.build_server(settings)
    add_fixtures(server)
    await serve_http(server, settings, Stop())


if __name__ == "__main__":
    anyio.run(main)
