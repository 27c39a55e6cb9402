"""The entry of a tool in the listing, for our tools and those of other distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.types import ToolAnnotations


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """A tool as it is listed; its function's docstring is the manual that a model reads."""

    function: Callable[..., Awaitable[Any]]
    title: str
    annotations: ToolAnnotations
    shown: bool = False
    """Whether its results are shown to people by `view`, where the client supports that."""
