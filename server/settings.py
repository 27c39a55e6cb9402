"""Settings of an operator: each is one field, one BELLGLASS_ variable and one flag."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bellglass.sandboxes.backend_settings import BackendSettings
from bellglass.sandboxes.saving.store import SessionStore
from bellglass.sandboxes.session_limits import MIB, Limits
from bellglass.server.backend_settings import declared, may_be_secret
from bellglass.server.config_file import ConfigError, config_path, read_config
from bellglass.server.server_settings import ServerSettings
from bellglass.server.setting_types import (
    objection,
    unknown,
    unknown_backend,
)
from bellglass.server.user_cache import default_store

PREFIX = "BELLGLASS_"

Model = TypeVar("Model", bound=BaseModel)

_REPEATED = {"folders": "folder"}

_MAY_BE_EMPTY = ("store",)
"""Settings that an empty variable sets; other empty ones are as if they were not there."""

_MAY_HOLD_A_PASSWORD = ("package_index",)


class SettingsError(Exception):
    """A setting is invalid; the text is one line for the operator."""


class Settings(ServerSettings):
    """The settings of the server, and those of backends that are set."""

    backends: Mapping[str, BackendSettings] = {}
    """The settings of each backend, by name of the backend; this is no variable itself."""

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str] = os.environ, flags: Mapping[str, str] | None = None
    ) -> Self:
        """Read the settings: flags over environment, and environment over config.toml.

        Raises:
            SettingsError: A value is wrong, or a setting is misspelt.
        """
        given = _of_environ(environ)
        for name, value in (flags or {}).items():
            given[name] = Given(value, f"--{known_settings()[name].flag}")
        path = Path(given["config"].value) if "config" in given else config_path(environ)
        if path is not None:
            given = {**_of_file(path), **given, "config": Given(str(path), f"{PREFIX}CONFIG")}
        values: dict[str | None, dict[str, Any]] = {None: {}}
        for name in given:
            setting = known_settings()[name]
            values.setdefault(setting.backend, {})[setting.field] = given[name].value
        ours = _validated(cls, values.pop(None), given)
        _refuse_broken(given.get("sandbox"))
        backends = {
            name: _validated(model, of_backend, given, declared()[name].prefix)
            for name, of_backend in values.items()
            if name is not None and (model := declared()[name].model) is not None
        }
        return ours.model_copy(update={"backends": backends})

    def session_store(self) -> SessionStore | None:
        """Return the store of saved sessions; None if none are saved."""
        if self.store is not None:
            return SessionStore(Path(self.store).expanduser()) if self.store else None
        folder = default_store() if self.http is None else None
        return SessionStore(folder) if folder is not None else None

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
        packages = self.package_disk_mb * MIB if self.network != "none" else 0
        return Limits(
            memory_bytes=self.memory_mb * MIB,
            processes=self.max_processes,
            cpu_seconds=self.cpu_seconds,
            disk_bytes=self.disk_mb * MIB,
            packages_bytes=packages,
            file_bytes=max(self.disk_mb * MIB, packages),
            output_bytes=self.output_bytes,
        )


class Given(NamedTuple):
    """A value that somebody has given to a setting."""

    value: Any
    spelling: str
    """How it was given, for messages: BELLGLASS_MEMORY_MB, --memory-mb, or a file and its key."""


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
    def flag(self) -> str:
        """The flag, without its dashes; that of a repeated one names a single value."""
        return _REPEATED.get(self.name, self.name).replace("_", "-")

    @property
    def separator(self) -> str:
        """What stands between several values of one variable."""
        return ";" if self.name in _REPEATED else ","

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def is_secret(self) -> bool:
        """Whether it has no flag, because other users of the machine can read a command line."""
        return self.name in _MAY_HOLD_A_PASSWORD or may_be_secret(self.info)

    @property
    def is_path(self) -> bool:
        return self.name in ("config", "save_to") or self.name.endswith(("_file", "_dir", "_cache"))


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


def _of_environ(environ: Mapping[str, str]) -> dict[str, Given]:
    given = {}
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            if name not in known_settings() or variable != variable.upper():
                known = [setting.variable for setting in known_settings().values()]
                raise SettingsError(unknown(variable, variable.upper(), known))
            if value != "" or name in _MAY_BE_EMPTY:
                given[name] = Given(value, variable)
    return given


def _of_file(path: Path) -> dict[str, Given]:
    known = {name: setting for name, setting in known_settings().items() if name != "config"}
    secrets = [name for name, setting in known.items() if setting.is_secret]
    try:
        found = read_config(path, secrets)
    except ConfigError as exc:
        raise SettingsError(str(exc)) from exc
    for name in found:
        if name not in known:
            raise SettingsError(unknown(f"{path}: {name}", name.lower(), known))
    for name, value in found.items():
        if known[name].is_path and isinstance(value, str):  # beside the file, not where we start
            found[name] = os.path.join(path.parent, os.path.expanduser(value))
    return {name: Given(value, f"{path}: {name}") for name, value in found.items()}


def _validated(
    model: type[Model], values: dict[str, Any], given: Mapping[str, Given], prefix: str = ""
) -> Model:
    try:
        return model(**values)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        if not error["loc"]:  # an error about several fields together
            raise SettingsError(f"{PREFIX}{prefix.upper()}*{objection(error)}") from exc
        setting = known_settings()[f"{prefix}{error['loc'][0]}"]
        value, spelling = given[setting.name]
        shown = "" if setting.is_secret else f"={str(value)[:60]!r}"
        raise SettingsError(f"{spelling}{shown}{objection(error)}") from exc


def _refuse_broken(chosen: Given | None) -> None:
    """Refuse to start with a backend that is not installed, or whose settings are broken."""
    if chosen is None:
        return
    if objection_to_backend := unknown_backend(chosen.value, chosen.spelling):
        raise SettingsError(objection_to_backend)
    if chosen.value in declared() and (problem := declared()[chosen.value].problem):
        raise SettingsError(
            f"The settings of the backend {chosen.value} cannot be imported ({problem}). "
            "Reinstall its distribution, or set BELLGLASS_SANDBOX to another backend."
        )
