"""Failures as a model reads them: what is wrong and what to do, without internals."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anyio import get_cancelled_exc_class
from mcp.server.mcpserver.exceptions import ToolError

from bellglass.sandboxes.errors import SandboxError
from bellglass.tools.call_limits import MAX_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


@contextmanager
def reported_to_model() -> Generator[None]:
    """Turn our failures into errors that the model reads.

    SystemExit and the like must never leave a handler: the SDK would end the whole server.
    """
    try:
        yield
    except SandboxError as exc:
        raise ToolError(str(exc)) from exc
    except (Exception, get_cancelled_exc_class()):
        raise
    except BaseException as exc:
        raise RuntimeError(f"{type(exc).__name__} was not handled by a tool") from exc


def wrong_arguments(tool: str, error: ValidationError) -> str:
    """Describe what is wrong with the arguments of a call, without repeating them at length."""
    reasons = "; ".join(_reason(details) for details in error.errors(include_url=False)[:5])
    return f"{tool} was not called: {reasons}. Correct this and call again."


def misspelt_argument(given: Mapping[str, Any], known: Iterable[str]) -> str | None:
    """Describe a misspelt argument; an unknown one that resembles nothing is accepted.

    An unknown argument would be ignored, and a misspelt session_id would lose the session.
    """
    free = [name for name in known if name not in given]
    for name in given:
        if name not in known:
            folded = name[:40].replace("-", "_").lower()
            if near := difflib.get_close_matches(folded, free, n=1, cutoff=0.75):
                return f"There is no argument {name[:40]!r}: did you mean {near[0]!r}?"
    return None


def _reason(details: ErrorDetails) -> str:
    name = str(details["loc"][0])
    given = details.get("input")
    limits = details.get("ctx", {})
    match details["type"]:
        case "missing":
            return f"{name} is missing"
        case "string_too_long" if isinstance(given, str):
            return (
                f"{name} has {len(given):,} characters, of which it may have "
                f"{limits['max_length']:,}"
            )
        case "string_type":
            return f"{name} must be a string, not {_kind(given)}"
        case "greater_than" | "less_than_equal" | "finite_number" | "float_parsing" | "float_type":
            return (
                f"{name} must be a number of seconds above 0 and at most {MAX_TIMEOUT_SECONDS}, "
                f"not {_brief(given)}"
            )
        case _:
            place = ".".join(str(part)[:40] for part in details["loc"])
            return f"{place}: {details['msg'][:200]} (got {_brief(given)})"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _brief(value: object) -> str:
    if isinstance(value, dict | list):
        return _kind(value)
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 40 else f"{text[:40]}..."
