"""Types of settings that need a parser or a check of their own."""

import difflib
import os
import re
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from bellglass.sandboxes import plugins
from bellglass.sandboxes.backend_settings import Names
from bellglass.sandboxes.common.risk_kinds import KINDS
from bellglass.sandboxes.folders.folder import Folder, parse_all
from bellglass.sandboxes.folders.refusals import reason_of_key
from bellglass.server.backend_settings import declared
from bellglass.tools.groups import ALL


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _known_kinds(given: tuple[str, ...]) -> tuple[str, ...]:
    kinds = tuple(kind.lower() for kind in given)
    _refuse_unknown("kinds of risk", kinds, KINDS)
    return kinds


def _known_groups(given: tuple[str, ...]) -> tuple[str, ...]:
    groups = tuple(group.lower() for group in given)
    _refuse_unknown("groups of tools", groups, ALL)
    return groups


def _refuse_unknown(what: str, given: tuple[str, ...], known: Collection[str]) -> None:
    if unknown := [name for name in given if name not in known]:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"is {near[0]!r} meant?" if near else f"there are: {', '.join(known)}"
        message = "name {what}: {hint}"
        raise PydanticCustomError("name", message, {"what": what, "hint": hint})


def _readable_hosts(given: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if given and info.data.get("network") == "none":
        raise PydanticCustomError("hosts", "go with a BELLGLASS_NETWORK other than `none`")
    for text in given:
        # Imported here: few operators set this, and the import takes time.
        from bellglass.sandboxes.egress.rules import Entry

        try:
            Entry.parsed(text)
        except ValueError as exc:
            hint = f"be names like example.org, *.example.org or db.example:5432: {exc}"
            raise PydanticCustomError("hosts", "{hint}", {"hint": hint}) from exc
    return given


def _readable_folders(given: object) -> object:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, (list, tuple)) or any(isinstance(one, Folder) for one in texts):
        return given
    return parse_all(texts)


def _without_keys(given: tuple[Folder, ...], info: ValidationInfo) -> tuple[Folder, ...]:
    for folder in given:
        for setting in ("http_token_file", "package_cache"):
            if reason := reason_of_key(folder.path, info.data.get(setting)):
                raise ValueError(f"{folder.path!r} cannot be lent: {reason}")
    return given


def _web_address(given: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", given):
        raise PydanticCustomError("url", "be a URL with http:// or https://")
    return given


def _origins(given: tuple[str, ...]) -> tuple[str, ...]:
    for origin in given:
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s*]+", origin):
            hint = f"be origins such as https://app.example, without a path: {origin!r} is not"
            raise PydanticCustomError("origins", "{hint}", {"hint": hint})
    return given


def _readable_levels(given: str) -> str:
    if not re.fullmatch(rf"{_LEVEL}(,(server|tools|sandboxes)[a-z0-9_.]*={_LEVEL})*", given):
        hint = "be debug, info, warning or error; for packages add such as ,sandboxes.egress=debug"
        raise PydanticCustomError("levels", "{hint}", {"hint": hint})
    return given


def objection(error: ErrorDetails) -> str:
    """Return what is wrong with a value, as a text that follows the name of its variable."""
    if error["type"] in ("value_error", "assertion_error"):  # the message of a validator
        return f": {error['msg'].partition(', ')[2].rstrip('.')}."
    wanted = re.sub("^[A-Z][a-z]+ should ", "", error["msg"]).rstrip(".")
    return f" should {wanted}{'' if wanted.endswith('?') else '.'}"


def unknown(given: str, name: str, known: Collection[str]) -> str:
    """Return what is said of `given`, a setting whose name is none of the known ones."""
    for backend, (prefix, _, problem) in declared().items():
        if problem and name.lower().removeprefix("bellglass_").startswith(prefix):
            return (
                f"{given} cannot be read: the settings of the backend {backend} cannot be "
                f"imported ({problem}). Reinstall its distribution, or take the setting out."
            )
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "`bellglass help settings` lists the settings."
    return f"{given} is not a setting. {hint}"


def unknown_backend(chosen: str, spelling: str) -> str:
    """Return what is said of a backend that is not installed; nothing of one that is."""
    names = ["auto", *plugins.installed(plugins.BACKENDS)] if chosen != "auto" else [chosen]
    if chosen in names:
        return ""
    near = difflib.get_close_matches(chosen, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Installed: {', '.join(sorted(names[1:]))}."
    return f"{spelling}={chosen[:60]!r} is not an installed backend. {hint}"


_LEVEL = "(debug|info|warning|error)"

Folders = Annotated[
    tuple[Folder, ...], BeforeValidator(_readable_folders), AfterValidator(_without_keys)
]
HostPath = Annotated[str, AfterValidator(lambda path: os.path.abspath(os.path.expanduser(path)))]
Hosts = Annotated[Names, AfterValidator(_readable_hosts)]
Origins = Annotated[Names, AfterValidator(_origins)]
ToolGroups = Annotated[Names, AfterValidator(_known_groups)]
RiskKinds = Annotated[Names, AfterValidator(_known_kinds)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
LogLevels = Annotated[str, BeforeValidator(_lower), AfterValidator(_readable_levels)]
