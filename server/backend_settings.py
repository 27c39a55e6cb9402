"""The settings of every backend that is installed, as one list with ours: see `Settings`."""

from functools import cache
from typing import NamedTuple

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bellglass.sandboxes import plugins
from bellglass.sandboxes.backend_settings import BackendSettings

OURS = ("embedded", "docker", "e2b")
"""In the order of the documentation; plug-ins come after them, by name."""


class Declared(NamedTuple):
    """What one backend declares."""

    prefix: str
    """What stands before the names of its fields: `podman_`; nothing for the default backend."""
    model: type[BackendSettings] | None
    """None where it cannot be imported."""
    problem: str = ""
    """Why not, in one line."""


@cache
def declared() -> dict[str, Declared]:
    """Return what the installed backends declare, by their names.

    A plug-in that cannot be imported costs the others nothing: see `Settings.from_environ`.
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
    except Exception as exc:  # whatever a module of somebody else's raises
        return Declared(prefix, None, f"{type(exc).__name__}: {exc}".splitlines()[0])
    return Declared(prefix, model)


def may_be_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
