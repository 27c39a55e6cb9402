"""The session images of an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from docker import errors

from bellglass.sandboxes.backends.docker.image import BASE_LABEL, RECIPE_LABEL
from bellglass.sandboxes.backends.docker.image.context import recipe_digest

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True, kw_only=True)
class SessionImage:
    """An image in which sessions can run."""

    names: list[str]
    size_bytes: int
    created: str
    """The time of its creation, in RFC 3339."""
    base: str | None
    """Its base image, if we built it."""
    current: bool
    """Whether it was built from the Dockerfile of this version of bellglass."""


def built(engine: DockerClient) -> list[SessionImage]:
    """Return the images that `bellglass image build` made, newest first."""
    images = engine.images.list(filters={"label": RECIPE_LABEL})
    found = [described(image.attrs) for image in images if image.tags]
    return sorted(found, key=lambda image: image.created, reverse=True)


def find(engine: DockerClient, name: str) -> SessionImage | None:
    """Return the image of that name, also if it was built elsewhere."""
    try:
        return described(engine.images.get(name).attrs)
    except errors.ImageNotFound:
        return None


def described(attributes: dict[str, object]) -> SessionImage:
    """Return a SessionImage from the result of an image inspection."""
    config = attributes.get("Config")
    labels = (config.get("Labels") if isinstance(config, dict) else None) or {}
    names = attributes.get("RepoTags")
    return SessionImage(
        names=[str(name) for name in names] if isinstance(names, list) else [],
        size_bytes=int(str(attributes.get("Size", 0))),
        created=str(attributes.get("Created", "")),
        base=labels.get(BASE_LABEL),
        current=labels.get(RECIPE_LABEL) == recipe_digest(),
    )
