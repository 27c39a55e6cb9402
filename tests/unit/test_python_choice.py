"""Choice of the Python that runs the code, and its virtual environment inside a sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bellglass.sandboxes.backends.embedded.inside.interpreter import _moved
from bellglass.sandboxes.backends.embedded.python import find_python, where_to_prepare


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def install(where: Path) -> str:
    python = where / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    python.chmod(0o755)
    return str(python)


def test_a_named_python_is_taken(data: Path) -> None:
    assert find_python("/some/python") == "/some/python"


def test_a_server_in_a_virtual_environment_has_it_beside(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))

    prepared = install(where_to_prepare())

    assert where_to_prepare() == tmp_path / "venv/share/bellglass/python"
    assert find_python() == prepared


@pytest.mark.parametrize("prefix", [sys.base_prefix, "/home/me/.cache/uv/archive-v0/x1"])
def test_otherwise_it_is_in_the_data_directory(
    data: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)

    prepared = install(where_to_prepare())

    assert where_to_prepare() == data / "bellglass" / "python"
    assert find_python() == prepared


def test_unprepared_it_is_the_interpreter_below_the_server(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))

    assert Path(find_python()).samefile(sys.executable)


def test_a_script_starts_the_interpreter_where_a_sandbox_sees_it() -> None:
    script = b"#!/home/me/venv/bin/python3\nimport sys\n"

    assert _moved(script, "/home/me/venv") == b"#!/opt/bellglass/bin/python\nimport sys\n"
    assert _moved(script, "/home/link", "/home/me/venv") == _moved(script, "/home/me/venv")
    assert _moved(b"#!/bin/sh\ntrue\n", "/home/me/venv") == b"#!/bin/sh\ntrue\n"
