"""Settings of an operator: each is one field, one BELLGLASS_ variable and one flag."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from bellglass.sandboxes.backend_settings import BackendSettings, Names
from bellglass.sandboxes.limits import MIB, Limits
from bellglass.server.backend_settings import declared, may_be_secret
from bellglass.server.setting_types import (
    Hosts,
    LogLevels,
    Origins,
    RiskKinds,
    WebAddress,
    objection,
    unknown,
    unknown_backend,
)

PREFIX = "BELLGLASS_"

Model = TypeVar("Model", bound=BaseModel)

_MAY_HOLD_A_PASSWORD = ("package_index",)


class SettingsError(Exception):
    """A setting is invalid; the text is one line for the operator."""


class Settings(BaseModel):
    """One field is one variable and one flag: `disk_mb`, BELLGLASS_DISK_MB, --disk-mb."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: str = Field(
        "auto",
        description="How code is isolated: `auto`, `embedded`, `docker`, `e2b`, `restricted`, or a "
        "plug-in.",
    )
    session_scope: Literal["connection", "explicit"] = Field(
        "connection",
        description="Whether a legacy connection has a session of its own (`connection`), or every "
        "call without session_id starts a new one (`explicit`).",
    )
    max_sessions: int = Field(64, ge=1, le=10_000, description="Sessions at one time.")
    warm_sessions: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="New sessions that are kept ready. Default: 1, but none where they cost: E2B.",
    )
    session_idle_seconds: float = Field(
        1800,
        gt=0,
        allow_inf_nan=False,
        description="A session ends after this time without a call.",
    )
    session_max_seconds: float = Field(
        86_400, gt=0, allow_inf_nan=False, description="A session ends at this age."
    )
    grace_seconds: float = Field(
        30,
        ge=0,
        allow_inf_nan=False,
        description="A legacy connection's session lives on for this time after the connection.",
    )
    memory_mb: int = Field(1024, ge=64, description="Memory of all processes of a session, in MiB.")
    max_processes: int = Field(64, ge=8, description="Processes and threads of a session.")
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
    package_dir: str | None = Field(
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
    max_code_characters: int = Field(
        1_000_000, ge=1, le=1_000_000, description="Characters of code: longer code is not run."
    )
    extra_tools: Names = Field(
        (),
        description="Tools of other distributions to serve, comma-separated, by the names of "
        "their entry points.",
    )
    links: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether results have links to files (`resource_link`); `auto`: only for "
        "clients that are known to take them.",
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
    http_origins: Origins = Field(
        (), description="Origins of web pages, comma-separated, that may call over HTTP."
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

    backends: Mapping[str, BackendSettings] = {}
    """The settings of each backend, by name of the backend; this is no variable itself."""

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str] = os.environ, flags: Mapping[str, str] | None = None
    ) -> Self:
        """Read the settings, flags over environment.

        Raises:
            SettingsError: A value is wrong, or a BELLGLASS_ variable is misspelt.
        """
        known = known_settings()
        given: dict[str, str] = {}
        for variable, value in environ.items():
            if variable.startswith(PREFIX):
                name = variable.removeprefix(PREFIX).lower()
                if name not in known or variable != variable.upper():
                    raise SettingsError(unknown(variable, [one.variable for one in known.values()]))
                if value != "":
                    given[name] = value
        values: dict[str | None, dict[str, Any]] = {None: {}}
        for name, value in {**given, **(flags or {})}.items():
            values.setdefault(known[name].backend, {})[known[name].field] = value
        ours = _validated(cls, values.pop(None))
        _refuse_broken(ours.sandbox)
        backends = {
            name: _validated(model, of_backend, declared()[name].prefix)
            for name, of_backend in values.items()
            if name is not None and (model := declared()[name].model) is not None
        }
        return ours.model_copy(update={"backends": backends})

    def of_backend(self, name: str) -> BackendSettings | None:
        """Return the settings of the backend `name`; None if it declares none."""
        model = declared()[name].model if name in declared() else None
        return self.backends.get(name) or (model() if model is not None else None)

    def given_to(self, backend: str) -> dict[str, str]:
        """Return the variables that are set for the backend, without secrets."""
        model = self.backends.get(backend)
        return {
            setting.variable: "(secret)"
            if setting.is_secret
            else str(getattr(model, setting.field))
            for setting in known_settings().values()
            if setting.backend == backend
            and model is not None
            and setting.field in model.model_fields_set
        }

    def limits(self) -> Limits:
        """Return what one session may use."""
        return Limits(
            memory_bytes=self.memory_mb * MIB,
            processes=self.max_processes,
            cpu_seconds=self.cpu_seconds,
            disk_bytes=self.disk_mb * MIB,
            file_bytes=self.disk_mb * MIB,
            output_bytes=self.output_bytes,
        )


class Setting(NamedTuple):
    """One variable, and one flag unless it may hold a secret."""

    name: str
    """`docker_image` is BELLGLASS_DOCKER_IMAGE and --docker-image."""
    info: FieldInfo
    backend: str | None
    """The backend that declares it; None for settings of the server."""
    field: str
    """The name of the field in the backend's model."""

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def is_secret(self) -> bool:
        """Whether it has no flag, because other users of the machine can read a command line."""
        return self.name in _MAY_HOLD_A_PASSWORD or may_be_secret(self.info)


@cache
def known_settings() -> dict[str, Setting]:
    """Return every setting by name: the server's, then those of the installed backends.

    Raises:
        SettingsError: A backend declares one that exists already.
    """
    known = {
        name: Setting(name, info, None, name)
        for name, info in Settings.model_fields.items()
        if name != "backends"
    }
    for backend, (prefix, model, _) in declared().items():
        for field, info in model.model_fields.items() if model is not None else ():
            setting = Setting(prefix + field, info, backend, field)
            if setting.name in known:
                raise SettingsError(
                    f"The backend {backend} declares the setting {setting.variable}, which there "
                    "is already. Remove it, or get a version of it that has another name for it."
                )
            known[setting.name] = setting
    return known


def _validated(model: type[Model], values: dict[str, Any], prefix: str = "") -> Model:
    try:
        return model(**values)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        if not error["loc"]:  # an error about several fields together
            raise SettingsError(f"{PREFIX}{prefix.upper()}*{objection(error)}") from exc
        setting = known_settings()[f"{prefix}{error['loc'][0]}"]
        given = "" if setting.is_secret else f"={str(error['input'])[:60]!r}"
        raise SettingsError(f"{setting.variable}{given}{objection(error)}") from exc


def _refuse_broken(chosen: str) -> None:
    """Refuse to start with a backend that is not installed, or whose settings are broken."""
    if objection_to_backend := unknown_backend(chosen):
        raise SettingsError(objection_to_backend)
    if chosen in declared() and (problem := declared()[chosen].problem):
        raise SettingsError(
            f"The settings of the backend {chosen} cannot be imported ({problem}). Install its "
            "distribution anew, or set BELLGLASS_SANDBOX to another backend."
        )
