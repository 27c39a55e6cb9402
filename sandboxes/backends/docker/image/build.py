"""Build the image with the engine's own builder, which needs no other program."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from docker import errors

from bellglass.sandboxes.backends.docker.image import BASE_LABEL, RECIPE_LABEL
from bellglass.sandboxes.backends.docker.image.context import Recipe, recipe_digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from docker import DockerClient

MAX_TAIL_LINES = 15
"""Lines of a failed step's output that the error message shows."""

MAX_LINE_CHARACTERS = 500
"""Characters of one line of build output, which is untrusted."""

PRUNE_TIMEOUT_SECONDS = 300
"""For the engine to remove unused layers: half a gigabyte, on a disk that is perhaps busy."""

_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BOOKKEEPING = re.compile(r" ---> |Removing intermediate container ")
_STAGE = "bellglass.stage=packages"  # as in the Dockerfile
_FULL = "no space left on device"
_UNREACHED = ("name resolution", "no matching distribution", "network is unreachable")


class BuildFailed(Exception):
    """No image was made; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """The builder begins an instruction of the Dockerfile."""

    number: int
    of: int
    instruction: str


def build(recipe: Recipe, engine: DockerClient) -> Iterator[Step | str]:
    """Build the image; yield each step, and the lines of its output.

    If the caller stops reading, the connection closes, and the engine stops the build.

    Raises:
        BuildFailed: The base is not available, a step failed, or the connection was lost.
    """
    step = Step(0, 0, "")
    tail: deque[str] = deque(maxlen=MAX_TAIL_LINES)
    try:
        for event in _events(recipe, engine):
            if "error" in event:
                raise BuildFailed(_explained(str(event["error"]), step, tail, recipe))
            for shown in _shown(event):
                if isinstance(shown, Step):
                    step = shown
                    tail.clear()
                else:
                    tail.append(shown)
                yield shown
        yield from _tidied(engine)
    except errors.APIError as exc:
        raise BuildFailed(_explained(exc.explanation or str(exc), step, tail, recipe)) from exc
    except errors.DockerException as exc:  # before anything was sent: the tag is invalid
        raise BuildFailed(f"The builder refused this: {exc}.") from exc
    except requests.RequestException as exc:
        reason = f"The engine stopped answering during the build ({exc})."
        raise BuildFailed(f"{reason} Start it, and build again.") from exc


def _events(recipe: Recipe, engine: DockerClient) -> Iterator[dict[str, Any]]:
    with recipe.context() as context:
        yield from engine.api.build(
            fileobj=context,
            custom_context=True,
            tag=recipe.tag,
            buildargs={"BASE": recipe.base},
            labels={RECIPE_LABEL: recipe_digest(), BASE_LABEL: recipe.base},
            # With wheels given, nothing may be downloaded.
            network_mode="none" if recipe.wheels else None,
            rm=True,
            forcerm=True,
            decode=True,
        )


def _tidied(engine: DockerClient) -> Iterator[str]:
    """Remove layers of the build stage, and the image that was replaced.

    The new image exists by now, so a failure here is only reported.
    """
    engine.api.timeout = PRUNE_TIMEOUT_SECONDS
    try:
        for label in (_STAGE, RECIPE_LABEL):
            engine.images.prune({"dangling": True, "label": label})
    except (errors.DockerException, requests.RequestException) as exc:
        yield f"Unused layers are left ({exc}). `docker image prune` removes them."


def _shown(event: dict[str, Any]) -> Iterator[Step | str]:
    """Yield the steps and lines that an event of the builder reports."""
    if match := _STEP.match(str(event.get("stream", ""))):
        instruction = " ".join(match[3].split())
        yield Step(int(match[1]), int(match[2]), instruction[:MAX_LINE_CHARACTERS])
    elif "stream" in event:
        for line in _COLOUR.sub("", str(event["stream"])).splitlines():
            if line.strip() and not _BOOKKEEPING.match(line):
                yield line.rstrip()[:MAX_LINE_CHARACTERS]
    elif "status" in event and not event.get("progressDetail"):
        layer = f"{event['id']}: " if "id" in event else ""
        yield f"{layer}{event['status']}"[:MAX_LINE_CHARACTERS]


def _explained(error: str, step: Step, tail: deque[str], recipe: Recipe) -> str:
    """Return what failed and what to do, with the end of the step's output."""
    said = "\n".join(f"    {line}" for line in tail)
    lower = f"{error}\n{said}".lower()
    if _FULL in lower:
        return (
            "The disk of the engine is full. `docker system prune` removes what nothing uses; "
            "the image takes 0.9 GB, and twice that while it is built."
        )
    if step.instruction.startswith("FROM") or step.number == 0:
        return (
            f"The base image {recipe.base} is not available: {_without_code(error)}. "
            "`docker images` lists the local ones; --base names another."
        )
    advice = ""
    if any(sign in lower for sign in _UNREACHED):
        advice = "Without a package index: `pip download` the packages, and pass --wheels."
        if recipe.wheels:
            advice = "The wheels must fit the Python of the base image, and be complete."
    elif "/bin/sh" in lower and "no such file" in lower:
        advice = "The base image needs a shell: Debian, Ubuntu and the like have one."
    elif "ensurepip" in lower:
        advice = "The base image needs the venv module of Python: on Debian, python3-venv."
    head = f"Step {step.number} of {step.of} failed: {_without_code(error)}"
    return "\n".join(part for part in (head, said, advice) if part)


def _without_code(error: str) -> str:
    """Return the error without the long text of the instruction."""
    returned = re.search(r"returned a non-zero code: (\d+)", error)
    if returned:
        return f"exit code {returned[1]}"
    return error.strip().rstrip(".")
