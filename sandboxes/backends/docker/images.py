"""The image that sessions run in: there, or pulled, and fit to be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.docker.engine import NAME
from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from docker import APIClient

    from bellglass.sandboxes.backends.docker.engine import Engine

PULL_SECONDS = 50.0
"""So long a call waits. A pull that takes longer goes on, and the next call finds more of it."""

_INSPECT_SECONDS = 10.0


async def require(engine: Engine, image: str) -> None:
    """See to it that the engine has the image. Only one that an operator named is pulled.

    Raises:
        SandboxUnavailable: It has not, or it is none for us.
    """
    if await engine.run(lambda client: _checked(client, image), _INSPECT_SECONDS):
        return
    if image == IMAGE:
        # Never pulled: the name is ours here, and anybody's on a registry.
        reason = f"the image {image} is not there: run `bellglass image build` once."
        raise SandboxUnavailable(NAME, reason)
    try:
        await engine.run(lambda client: _pull(client, image), PULL_SECONDS)
    except SandboxUnavailable as exc:
        text = f"the image {image} is not there"
        if isinstance(exc.__cause__, TimeoutError):
            text += ", and is still being pulled. Call again in a minute."
        else:
            text += f" and cannot be pulled: {exc.reason} Name one that is there with "
            text += "BELLGLASS_DOCKER_IMAGE, or leave that out and run `bellglass image build`."
        raise SandboxUnavailable(NAME, text) from exc
    await engine.run(lambda client: _checked(client, image), _INSPECT_SECONDS)


def _pull(client: APIClient, image: str) -> None:
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    client.pull(repository, tag=tag or "latest")


def _checked(client: APIClient, image: str) -> bool:
    """Return whether the image is there.

    Raises:
        SandboxUnavailable: It is, but a session of it would not be confined.
    """
    from docker.errors import ImageNotFound

    try:
        found: dict[str, Any] = client.inspect_image(image)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return False
    if volumes := (found.get("Config") or {}).get("Volumes"):
        text = f"the image {image} declares volumes ({', '.join(volumes)}): files in them are not "
        raise SandboxUnavailable(NAME, text + "limited, so bellglass does not use it.")
    return True
