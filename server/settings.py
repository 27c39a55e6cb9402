"""What an operator may set: one field, one BELLGLASS_ variable, one flag."""

import difflib
import os
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.limits import MIB, Limits
from bellglass.server.setting_types import Hosts, LogLevels, Names, RiskKinds, WebAddress

PREFIX = "BELLGLASS_"

NOT_FLAGS = frozenset({"http_token", "e2b_headers", "package_index"})
"""Settings that have no flag: other users of the machine can read a command line."""


class SettingsError(Exception):
    """A setting cannot be used; the text is one line for the operator."""


class Settings(BaseModel):
    """One field is one variable and one flag: `disk_mb`, BELLGLASS_DISK_MB, --disk-mb."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: str = Field(
        "auto",
        description="How code is isolated: `auto`, `embedded`, `docker`, `e2b`, `restricted`, or a "
        "plug-in.",
    )
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
        description="Modules, comma-separated, that the embedded sandbox imports once for all "
        "sessions: `numpy,pandas` saves half a second in each and costs 10 ms at its start.",
    )
    docker_image: str = Field(
        IMAGE,
        description="Image of the docker sandbox: any with Python 3.9 or newer, and Bash. One that "
        "you name is pulled if it is not there; the default is made by `bellglass image build`.",
    )
    docker_host: str | None = Field(
        None,
        description="Where the Docker engine is, as `DOCKER_HOST`. Default: what the `docker` "
        "command uses.",
    )
    docker_runtime: str | None = Field(
        None, description="Runtime of the containers, such as `runsc`. Default: the engine's."
    )
    docker_cpus: float = Field(
        2,
        ge=0.1,
        allow_inf_nan=False,
        description="Processors that a container may use, at most those there are.",
    )
    sessions: Literal["connection", "explicit"] = Field(
        "connection",
        description="Whether a legacy connection has a session of its own (`connection`), or every "
        "call without session_id starts a new one (`explicit`).",
    )
    max_sessions: int = Field(64, ge=1, le=10_000, description="Sessions at one time.")
    pool: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="New sessions that are kept ready. Default: 1, but none where they cost: E2B.",
    )
    idle_seconds: float = Field(
        1800,
        gt=0,
        allow_inf_nan=False,
        description="A session ends after this time without a call.",
    )
    age_seconds: float = Field(
        86_400, gt=0, allow_inf_nan=False, description="A session ends at this age."
    )
    grace_seconds: float = Field(
        30,
        ge=0,
        allow_inf_nan=False,
        description="A legacy connection's session lives on for this time after the connection.",
    )
    memory_mb: int = Field(1024, ge=64, description="Memory of all processes of a session, in MiB.")
    processes: int = Field(64, ge=8, description="Processes and threads of a session.")
    background_seconds: float = Field(
        3600,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Time limit of a background run, and what it has if it names none; 0: there "
        "are none.",
    )
    cpu_seconds: int = Field(
        600,
        ge=1,
        description="CPU time of one call; of a background run longer than 300 s, in proportion.",
    )
    disk_mb: int = Field(256, ge=1, description="Size of a session's files, in MiB.")
    output_bytes: int = Field(
        20_000,
        ge=1_000,
        le=60_000,
        description="Of stdout, and of stderr, shown in a result; the rest stays in a file.",
    )
    timeout_seconds: float = Field(
        30, gt=0, le=300, allow_inf_nan=False, description="Time limit of a call that names none."
    )
    network: Literal["none", "packages", "allow-list", "open"] = Field(
        "none",
        description="What sessions may reach: nothing; `packages`, of an index, for `pip install`; "
        "`allow-list`, the hosts of `BELLGLASS_NETWORK_HOSTS`; `open`, every public host.",
    )
    network_hosts: Hosts = Field(
        (),
        description="Hosts, comma-separated: `example.org`, `*.example.org`, an address, or one of "
        "them with `:PORT`. Without a port: 80 and 443.",
    )
    package_index: WebAddress | None = Field(
        None,
        description="URL of the index that packages come from. Default: PyPI; with `allow-list`, "
        "none.",
    )
    package_folder: str | None = Field(
        None, description="A folder of wheels that packages come from, instead of an index."
    )
    package_cache: str | None = Field(
        None,
        description="Folder where package files are kept for all sessions. Default: in the user's "
        "cache directory.",
    )
    package_cache_mb: int = Field(
        2048, ge=0, description="Size of that folder, in MiB; the longest unused go first."
    )
    refuse_risks: RiskKinds = Field(
        (),
        description="Kinds of risk, comma-separated, in the words of `validate_code`, such as "
        "`deletes files,opens the network`: code that has one is not run.",
    )
    refuse_imports: Names = Field(
        (), description="Modules, comma-separated: Python that imports one is not run."
    )
    refuse_longer_than: int = Field(
        1_000_000, ge=1, le=1_000_000, description="Characters of code: longer code is not run."
    )
    extra_tools: Names = Field(
        (),
        description="Tools of other distributions to serve, comma-separated, by the names of "
        "their entry points.",
    )
    errors_as_tool_errors: bool = Field(
        False, description="Mark the result of code that failed as an error (`isError`)."
    )
    http: str | None = Field(
        None, description="HOST:PORT to serve streamable HTTP on, at /mcp, instead of stdio."
    )
    http_token: SecretStr | None = Field(
        None, description="Bearer token that HTTP clients must send: 128 random bits or more."
    )
    http_token_file: str | None = Field(None, description="A file with that token.")
    http_hosts: Names = Field(
        (), description="Host names, comma-separated, that HTTP clients reach this server by."
    )
    http_origins: Names = Field(
        (), description="Origins of web pages, comma-separated, that may call over HTTP."
    )
    e2b_key_file: str | None = Field(
        None, description="A file with the key of the E2B account. Default: `E2B_API_KEY`."
    )
    e2b_domain: str | None = Field(
        None, description="Domain of the engine. Default: `E2B_DOMAIN`, else E2B's cloud."
    )
    e2b_api_url: str | None = Field(
        None,
        description="URL of its control plane. Default: `E2B_API_URL`, else `api.` at the domain.",
    )
    e2b_sandbox_url: str | None = Field(
        None,
        description="One URL for all its sandboxes. Default: `E2B_SANDBOX_URL`, else one each, "
        "below the domain.",
    )
    e2b_template: str | None = Field(
        None, description="What sessions start from; it needs a Python. Default: E2B's own."
    )
    e2b_headers: SecretStr | None = Field(
        None, description="More headers for the control plane: `NAME: VALUE, NAME: VALUE`."
    )
    e2b_pause: bool = Field(
        False, description="Pause the sandbox of an idle session instead of ending the session."
    )
    e2b_lease_seconds: int = Field(
        300,
        ge=15,
        le=3600,
        description="A sandbox whose server was killed ends after this time.",
    )
    e2b_sandboxes: int = Field(
        64, ge=1, description="Sandboxes at one time. What the plan allows is a good value."
    )
    e2b_per_second: float = Field(
        5, gt=0, allow_inf_nan=False, description="Sandboxes made in a second."
    )
    log_level: LogLevels = Field(
        "info",
        description="How much to log on stderr: `debug`, `info`, `warning` or `error`; levels for "
        "parts of bellglass follow, as in `info,sandboxes.egress=debug`.",
    )
    trace: Names = Field(
        (),
        description="What to log for debugging, comma-separated: `frames` to and from sandboxes, "
        "and what their `supervisor` does and when. Sizes, ids and times; never code or output.",
    )

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str] = os.environ, flags: Mapping[str, str] | None = None
    ) -> Self:
        """Read the settings, flags over environment.

        Raises:
            SettingsError: A value is wrong, or a BELLGLASS_ variable is misspelt.
        """
        values: dict[str, Any] = {}
        for variable, value in environ.items():
            if variable.startswith(PREFIX):
                name = variable.removeprefix(PREFIX).lower()
                if name not in cls.model_fields or variable != variable.upper():
                    raise SettingsError(_unknown(variable))
                if value != "":
                    values[name] = value
        values |= flags or {}
        try:
            return cls(**values)
        except ValidationError as exc:
            error = exc.errors(include_url=False)[0]
            name = str(error["loc"][0])
            given = "" if name in NOT_FLAGS else f"={str(error['input'])[:60]!r}"
            reason = error["msg"].removeprefix("Input ").removeprefix("should ")
            raise SettingsError(f"{PREFIX}{name.upper()}{given} should {reason}.") from exc

    def limits(self) -> Limits:
        """Return what one session may use."""
        return Limits(
            memory_bytes=self.memory_mb * MIB,
            processes=self.processes,
            cpu_seconds=self.cpu_seconds,
            disk_bytes=self.disk_mb * MIB,
            file_bytes=self.disk_mb * MIB,
            output_bytes=self.output_bytes,
        )


def variables() -> dict[str, str]:
    """Return every variable with its description, in order."""
    return {
        PREFIX + name.upper(): field.description or ""
        for name, field in Settings.model_fields.items()
    }


def _unknown(variable: str) -> str:
    near = difflib.get_close_matches(variable.upper(), variables(), n=1)
    hint = f" Did you mean {near[0]}?" if near else " `bellglass --help` lists the settings."
    return f"{variable} is not a setting.{hint}"
