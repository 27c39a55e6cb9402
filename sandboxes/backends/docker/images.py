"""Ensure that the engine has the image of sessions, and that it can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.docker.engine import NAME
from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from docker import APIClient

    from bellglass.sandboxes.backends.docker.engine import Engine

PULL_TIMEOUT_SECONDS = 50.0
"""A call waits this long for a pull. A longer pull goes on, and the next call waits again."""

_INSPECT_TIMEOUT_SECONDS = 10.0


async def require(engine: Engine, image: str) -> None:
    """Ensure that the engine has the image. An image is pulled only if an operator named it.

    Raises:
        SandboxUnavailable: The image is missing, or it cannot be used.
    """
    if await engine.run(lambda client: _checked(client, image), _INSPECT_TIMEOUT_SECONDS):
        return
    if image == IMAGE:
        # Never pulled: on a registry, anybody may have registered this name.
        reason = f"the engine has no image {image}: run `bellglass image build` once."
        raise SandboxUnavailable(NAME, reason)
    try:
        await engine.run(lambda client: _pull(client, image), PULL_TIMEOUT_SECONDS)
    except SandboxUnavailable as exc:
        text = f"the engine has no image {image}"
        if isinstance(exc.__cause__, TimeoutError):
            text += "; it is being pulled. Call again in a minute."
        else:
            text += f", and it cannot be pulled: {exc.reason} Name one that it has with "
            text += "BELLGLASS_DOCKER_IMAGE, or unset it and run `bellglass image build`."
        raise SandboxUnavailable(NAME, text) from exc
    await engine.run(lambda client: _checked(client, image), _INSPECT_TIMEOUT_SECONDS)


def _pull(client: APIClient, image: str) -> None:
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    client.pull(repository, tag=tag or "latest")


def _checked(client: APIClient, image: str) -> bool:
    """Return whether the engine has the image.

    Raises:
        SandboxUnavailable: It has, but a session in it would not be confined.
    """
    from docker.errors import ImageNotFound

    try:
        found: dict[str, Any] = client.inspect_image(image)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return False
    if volumes := (found.get("Config") or {}).get("Volumes"):
        text = f"the image {image} declares volumes ({', '.join(volumes)}): files in them are not "
        raise SandboxUnavailable(
            NAME, text + "limited, so bellglass does not use it. Name another image."
        )
    return True
