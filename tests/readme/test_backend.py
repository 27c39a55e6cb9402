"""The backend that docs/backends.md shows to authors of one, and its entry point."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from readme.blocks import block

from bellglass.sandboxes import registry
from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.conformance import Check, endings, running
from bellglass.sandboxes.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

CONTAINER = """#!/bin/sh
# Stands for podman: drops its options, and runs the command in namespaces of its own.
while [ "$1" != docker.io/library/python:3.13-slim ]; do shift; done
shift
cd {directory}
exec unshare --user --map-user=1000 --map-group=1000 --pid --fork --kill-child --net --ipc \\
    --mount --mount-proc -- "$@"
"""


@pytest.mark.parametrize(
    "check",
    [
        running.python_shows_output_and_last_value,
        running.variables_last_between_calls,
        endings.a_crash_costs_only_its_own_call,
        endings.leaving_the_session_leaves_nothing,
    ],
    ids=lambda check: check.__name__,
)
async def test_backend_of_the_example_keeps_the_contract(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    podman = tmp_path / "podman"
    podman.write_text(CONTAINER.format(directory=tmp_path))
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    await check(_example_backend()(Limits()))


def test_entry_point_of_the_example_leads_to_the_backend() -> None:
    project = tomllib.loads(block("entry-point"))["project"]
    module, _, name = project["entry-points"][registry.GROUP]["podman"].partition(":")

    assert block("backend").startswith(f"# {module}.py\n")
    assert _example_backend().__name__ == name


def _example_backend() -> type[Backend]:
    namespace: dict[str, Any] = {"__name__": "bellglass_podman"}
    exec(compile(block("backend"), "docs/backends.md", "exec"), namespace)
    (backend,) = [
        thing
        for thing in namespace.values()
        if isinstance(thing, type) and issubclass(thing, Backend) and thing is not Backend
    ]
    return backend
