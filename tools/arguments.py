"""Arguments that several tools have, each described once."""

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bellglass.tools.call_limits import MAX_BACKGROUND_SECONDS, MAX_TIMEOUT_SECONDS

SessionId = Annotated[
    str | None,
    Field(
        max_length=200,
        description="From an earlier result: same variables and files.",
    ),
]

EarlierSession = Annotated[str | None, Field(max_length=200, description="From an earlier result.")]


def _no_boolean(value: object) -> object:
    """Refuse true, which would count as one second."""
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "a number of seconds")
    return value


# The bounds apply to a number, not to null, which clients send for an omitted argument. They stand
# before the validator: after it, pydantic writes keywords of its own into the schema.
RunTimeout = Annotated[
    Annotated[
        float,
        Field(gt=0, le=MAX_BACKGROUND_SECONDS, allow_inf_nan=False),
        BeforeValidator(_no_boolean),
    ]
    | None,
    Field(description=f"Seconds, at most {MAX_TIMEOUT_SECONDS}; {{timeout}} if left out."),
]

Background = Annotated[
    bool,
    Field(description="For servers and long work: see background_run."),
]


def utf8_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def refuse_nul(name: str, text: str) -> None:
    """Refuse a NUL character, which neither Python nor a shell accepts in a program."""
    position = text.find("\x00")
    if position >= 0:
        line = text.count("\n", 0, position) + 1
        raise ToolError(
            f"{name} has a NUL character in line {line}, so nothing was run. "
            "Remove it, or write \\x00 where a string needs one."
        )
