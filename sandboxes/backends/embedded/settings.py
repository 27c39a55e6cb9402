"""Settings of the embedded backend."""

from typing import Literal

from pydantic import Field

from bellglass.sandboxes.backend_settings import BackendSettings, Names


class EmbeddedSettings(BackendSettings):
    launcher: Literal["auto", "zygote", "bubblewrap"] = Field(
        "auto",
        description="What starts sandboxes of `embedded`: `zygote`, `bubblewrap`, or `auto`, the "
        "first that works.",
    )
    python: str | None = Field(
        None, description="Interpreter for the code inside. Default: what `bellglass setup` made."
    )
    preload: Names = Field(
        ("pytest",),
        description="Modules, comma-separated, that the zygote imports once for all sessions: "
        "`numpy,pandas` saves half a second in each and costs 10 ms at its start.",
    )
