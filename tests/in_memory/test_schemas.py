"""The schemas of tools, as the narrowest of their readers take them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Annotated, Any, Literal

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openai.lib._pydantic import _ensure_strict_json_schema
from pydantic import BaseModel, BeforeValidator, Field

from bellglass.sandboxes.testing import InMemoryBackend
from bellglass.server import tool_schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from in_memory.conftest import Connect
    from mcp.types import Tool

KEYWORDS = {"type", "description", "properties", "required", "items", "enum", "anyOf"}
BOUNDS = {"minimum", "maximum"}
"""What Gemini's and OpenAI's classes both have, of JSON Schema."""


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the keywords of a schema and of all in it."""
    yield from schema
    for part in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        yield from keywords(part)
    if "items" in schema:
        yield from keywords(schema["items"])


class Arguments(BaseModel):
    """Of a tool that somebody adds."""

    seconds: Annotated[float, BeforeValidator(lambda value: value), Field(gt=0, le=9)] = 5
    either: int | str
    kind: Literal["a"]
    title: Annotated[str, Field(pattern="a+", max_length=9)] | None = None
    names: list[Annotated[str, Field(min_length=1)]] = []
    counts: dict[str, int] = {}


async def tools(connect: Connect) -> list[Tool]:
    async with connect(InMemoryBackend()) as client:
        return (await client.list_tools()).tools


async def test_schemas_are_json_schema_of_the_narrow_kind(connect: Connect) -> None:
    for tool in await tools(connect):
        for schema in filter(None, (tool.input_schema, tool.output_schema)):
            Draft202012Validator.check_schema(schema)
            assert set(keywords(schema)) <= KEYWORDS | BOUNDS, tool.name


async def test_schemas_go_through_the_strict_mode_of_openai(connect: Connect) -> None:
    for tool in await tools(connect):
        given = deepcopy(tool.input_schema)
        strict = _ensure_strict_json_schema(given, path=(), root=given)

        assert strict["additionalProperties"] is False
        assert strict["required"] == list(tool.input_schema["properties"])
        # Strict mode refuses a property without a type.
        assert all("type" in one or "anyOf" in one for one in strict["properties"].values())


def test_no_schema_has_words_of_pydantic_or_more_than_the_narrow_kind() -> None:
    schema = Arguments.model_json_schema()
    assert {"le", "gt"} < set(keywords(schema))

    narrow = tool_schemas.for_arguments(schema)

    Draft202012Validator.check_schema(narrow)
    assert set(keywords(narrow)) <= KEYWORDS | BOUNDS
    assert narrow["properties"] == {
        "seconds": {"type": "number", "description": "Default: 5."},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "kind": {"type": "string", "enum": ["a"]},
        "title": {"type": "string"},
        "names": {"type": "array", "items": {"type": "string"}},
        "counts": {"type": "object"},
    }
    assert narrow["required"] == ["either", "kind"]
