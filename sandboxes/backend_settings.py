"""What an operator may set of one backend: declared by the backend, and cheap to import."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class BackendSettings(BaseModel):
    """The settings of a backend. One field is one variable and one flag.

    The field `image` of the backend `podman` is BELLGLASS_PODMAN_IMAGE and --podman-image. A
    description is what `--help` says of it. A `SecretStr` has no flag, because other users of a
    machine can read a command line, and is never shown. The server imports the module for every
    start, so it should import little.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A field of names, written with commas between them."""
