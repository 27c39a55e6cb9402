"""Schemas of tools in the part of JSON Schema that every client can read.

Gemini and the strict mode of OpenAI support few keywords and refuse a tool that has others. The
listing also costs tokens in every conversation. What is left out here is enforced all the same, and
an error names the bound.
"""

import json
from typing import Any

MIN_OMITTED_SCHEMA_BOUND = 86_400
"""Schemas leave out bounds of this size or larger, as no model reaches them by accident."""

_COPIED = ("type", "description", "enum", "minimum", "maximum")


def for_arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's arguments in the narrow form."""
    return _narrow(schema)


def for_results(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the schema of a structured result; a result leaves out fields without a value."""
    if schema is None:
        return None
    narrow = _narrow(schema)
    narrow.pop("required", None)
    return narrow


def _narrow(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:  # its contents are described where it is used
        return {"type": "object"}
    narrow: dict[str, Any] = {}
    options = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(options) == 1:
        # Null is accepted all the same. Several clients cannot read a choice of types.
        narrow.update(_narrow(options[0]))
    elif options:
        narrow["anyOf"] = [_narrow(option) for option in options]
    narrow.update({key: schema[key] for key in _COPIED if key in schema})
    if "const" in schema:
        narrow["enum"] = [schema["const"]]
    for bound in ("minimum", "maximum"):
        if abs(narrow.get(bound, 0)) >= MIN_OMITTED_SCHEMA_BOUND:
            del narrow[bound]
    if "properties" in schema:
        narrow["properties"] = {
            name: _with_default(_narrow(one), one.get("default"))
            for name, one in schema["properties"].items()
        }
    if "items" in schema:
        narrow["items"] = _narrow(schema["items"])
    if "required" in schema:
        narrow["required"] = schema["required"]
    return narrow


def _with_default(schema: dict[str, Any], default: object) -> dict[str, Any]:
    """Name the default in the description, unless it is empty: strict modes have no keyword."""
    if default:
        value = default if isinstance(default, str) else json.dumps(default)
        schema["description"] = f"{schema.get('description', '')} Default: {value}.".strip()
    return schema
