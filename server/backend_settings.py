"""The settings of all installed backends, as one list with the server's: see `Settings`."""

from functools import cache
from typing import NamedTuple

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bellglass.sandboxes import plugins
from bellglass.sandboxes.backend_settings import BackendSettings

OURS = ("embedded", "docker", "e2b")
"""In the order of the documentation; plug-ins follow, sorted by name."""


class Declared(NamedTuple):
    """The settings that one backend declares."""

    prefix: str
    """The prefix of its fields' names: `podman_`; empty for the default backend."""
    model: type[BackendSettings] | None
    """None if it cannot be imported."""
    problem: str = ""
    """The reason why it cannot be imported, in one line."""


@cache
def declared() -> dict[str, Declared]:
    """Return what the installed backends declare, by their names.

    A plug-in that cannot be imported does not affect the others: see `Settings.from_environ`.
    """
    found = plugins.installed(plugins.SETTINGS)
    order = [*(name for name in OURS if name in found), *sorted(set(found) - set(OURS))]
    return {name: _declared(name) for name in order}


def _declared(name: str) -> Declared:
    prefix = "" if name == "embedded" else f"{name.replace('-', '_').lower()}_"
    try:
        model = plugins.installed(plugins.SETTINGS)[name].load()
        if not (isinstance(model, type) and issubclass(model, BackendSettings)):
            raise TypeError("its entry point does not lead to BackendSettings")
        for field, info in model.model_fields.items():
            if info.is_required():
                raise TypeError(f"the field {field} has no default")
    except Exception as exc:  # a module of another distribution may raise anything
        return Declared(prefix, None, f"{type(exc).__name__}: {exc}".splitlines()[0])
    return Declared(prefix, model)


def may_be_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
