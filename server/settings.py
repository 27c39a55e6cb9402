"""Settings of an operator: each is one field, one BELLGLASS_ variable and one flag."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bellglass.sandboxes.backend_settings import BackendSettings
from bellglass.sandboxes.session_limits import MIB, Limits
from bellglass.server.backend_settings import declared, may_be_secret
from bellglass.server.server_settings import ServerSettings
from bellglass.server.setting_types import (
    objection,
    unknown,
    unknown_backend,
)

PREFIX = "BELLGLASS_"

Model = TypeVar("Model", bound=BaseModel)

_REPEATED = {"folders": "folder"}

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
    def flag(self) -> str:
        """The flag, without its dashes; that of a repeated one names a single value."""
        return _REPEATED.get(self.name, self.name).replace("_", "-")

    @property
    def is_repeated(self) -> bool:
        """Whether the flag may be given several times."""
        return self.name in _REPEATED

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
