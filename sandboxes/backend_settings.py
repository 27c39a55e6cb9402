"""Settings of a backend, declared by the backend in a module that is cheap to import."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class BackendSettings(BaseModel):
    """The settings of a backend. Each field is one variable and one flag.

    The field `image` of the backend `podman` is BELLGLASS_PODMAN_IMAGE and --podman-image. `--help`
    shows a field's description. A `SecretStr` is never shown and has no flag, because other users
    of the machine can read a command line. The server imports the module at every start, so it
    should import little.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A field with a list of names, separated by commas."""
