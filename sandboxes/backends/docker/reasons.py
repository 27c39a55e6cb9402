"""Turn the SDK's exceptions into sentences that say what the engine refused, and what to do."""

from __future__ import annotations

import re

import docker.errors
import requests

from bellglass.sandboxes.execution import clean

_MAX_TEXT_CHARACTERS = 300
"""Characters of an engine's own message that are quoted."""

_ADVICE = (
    (
        r"no space left on device",
        "the engine's disk is full: free space (`docker system df` shows what uses it).",
    ),
    (
        r"(unknown or invalid|unknown|no such) runtime",
        "the engine does not know the runtime that BELLGLASS_DOCKER_RUNTIME names; "
        "`docker info` lists those that it has.",
    ),
    (
        r"python3.*(executable file not found|no such file)",
        "the image {image} has no python3 on its PATH: it needs Python 3.9 or newer, and Bash.",
    ),
    (
        r"no such image",
        "the engine no longer has the image {image}.",
    ),
)

FAILURES: tuple[type[Exception], ...] = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    OSError,
)
"""Exceptions of the SDK and of the libraries that it uses."""


def is_answer(exc: BaseException) -> bool:
    """Whether the engine answered, with an error."""
    return isinstance(exc, docker.errors.APIError)


def refusal(exc: BaseException, image: str) -> str:
    """Return the engine's error, and what to do about it."""
    text = clean(str(getattr(exc, "explanation", None) or exc))
    for pattern, advice in _ADVICE:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return advice.format(image=image)
    return f"the Docker engine refused: {text.strip().rstrip('.')[:_MAX_TEXT_CHARACTERS]}."


def is_name_taken(exc: BaseException) -> bool:
    """Whether the engine has another container of that name."""
    return isinstance(exc, docker.errors.APIError) and exc.status_code == 409


def is_gone(exc: BaseException) -> bool:
    """Whether the engine says that a container does not exist or is being removed."""
    return isinstance(exc, docker.errors.APIError) and exc.status_code in (404, 409)
