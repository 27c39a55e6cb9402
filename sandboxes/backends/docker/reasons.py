"""What an engine refused, and what to do: the SDK's exceptions as one sentence."""

from __future__ import annotations

import re

import docker.errors
import requests

from bellglass.sandboxes.execution import clean

_TEXT = 300
"""Characters of an engine's own words in a message."""

_ADVICE = (
    (
        r"no space left on device",
        "the engine's disk is full: make room (`docker system df` says what is on it).",
    ),
    (
        r"(unknown or invalid|unknown|no such) runtime",
        "the engine does not know the runtime that BELLGLASS_DOCKER_RUNTIME names; "
        "`docker info` lists those it has.",
    ),
    (
        r"python3.*(executable file not found|no such file)",
        "the image {image} has no python3 on its PATH: it needs Python 3.9 or newer, and Bash.",
    ),
    (
        r"no such image",
        "the image {image} is not there any more.",
    ),
)

FAILURES: tuple[type[Exception], ...] = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    OSError,
)
"""What the SDK raises when the engine does not do what it should."""


def is_answer(exc: BaseException) -> bool:
    """Whether the engine answered, if not as it was wanted to."""
    return isinstance(exc, docker.errors.APIError)


def refusal(exc: BaseException, image: str) -> str:
    """Return what an engine answered, and what to do about it."""
    text = clean(str(getattr(exc, "explanation", None) or exc))
    for pattern, advice in _ADVICE:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return advice.format(image=image)
    return f"the Docker engine refused: {text.strip().rstrip('.')[:_TEXT]}."


def is_name_taken(exc: BaseException) -> bool:
    """Whether the engine has another container of that name."""
    return isinstance(exc, docker.errors.APIError) and exc.status_code == 409


def is_gone(exc: BaseException) -> bool:
    """Whether the engine says that a container is not there, or is being removed already."""
    return isinstance(exc, docker.errors.APIError) and exc.status_code in (404, 409)
