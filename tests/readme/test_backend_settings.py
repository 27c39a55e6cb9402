"""The settings that the backend of docs/backends.md declares, installed beside bellglass."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from protocol.support import COMMAND, environment
from readme.blocks import block

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Run:
    """`bellglass` where the example is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("backend", "backend-settings"):
            module = re.search(r"# (\w+\.py)\n", block(name))
            assert module
            (folder / module[1]).write_text(block(name))
        info = folder / "bellglass_podman-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: bellglass-podman\nVersion: 1.0\n"
        )
        points = block("entry-point") + block("settings-entry-point")
        groups = re.sub(r'\[project\.entry-points\."(.*)"\]', r"[\1]", points).replace('"', "")
        (info / "entry_points.txt").write_text(groups)

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            env=environment({"PYTHONPATH": str(self.folder), "NO_COLOR": "1", **settings}),
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_help_lists_them(run: Run) -> None:
    shown = re.sub(r"\s+", " ", run("help", "settings").stdout)

    assert "Backend podman: --podman-image VALUE Image of the podman sandbox. [default: " in shown


def test_they_reach_the_backend_and_doctor_shows_them(run: Run) -> None:
    # No podman is there, or none has this image: either way the report is of our backend.
    report = run("--podman-image", "mine:1", "doctor").stdout

    assert "no  podman: " in report
    assert "    BELLGLASS_PODMAN_IMAGE=mine:1\n" in report


IMPORTS = "import Field, SecretStr, field_validator"
MORE = """
    cpus: int = 1
    key: SecretStr | None = Field(None, min_length=20)

    @field_validator("image")
    @classmethod
    def _one_word(cls, image: str) -> str:
        if " " in image:
            raise ValueError("a name has no space")
        return image
"""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"BELLGLASS_PODMAN_IMAG": "x"},
            "BELLGLASS_PODMAN_IMAG is not a setting. Did you mean BELLGLASS_PODMAN_IMAGE?",
        ),
        (
            {"BELLGLASS_PODMAN_CPUS": "many"},
            "BELLGLASS_PODMAN_CPUS='many' should be a valid integer, unable to parse string as an "
            "integer.",
        ),
        (
            {"BELLGLASS_PODMAN_IMAGE": "a b"},
            "BELLGLASS_PODMAN_IMAGE='a b': a name has no space.",
        ),
        (
            {"BELLGLASS_PODMAN_KEY": "s3cret"},
            "BELLGLASS_PODMAN_KEY should have at least 20 items after validation, not 6.",
        ),
    ],
)
def test_errors_are_those_of_every_setting(run: Run, settings: dict[str, str], said: str) -> None:
    _change(run, lambda text: text.replace("import Field", IMPORTS) + MORE)
    done = run("version", **settings)

    assert (done.returncode, done.stderr) == (2, f"bellglass: {said}\n")


def test_a_secret_has_no_flag(run: Run) -> None:
    more = "    key: SecretStr | None = None\n"
    _change(run, lambda text: text.replace("import Field", "import Field, SecretStr") + more)

    shown = run("help", "settings").stdout
    assert "--podman-image" in shown
    assert "--podman-key" not in shown
    assert "BELLGLASS_PODMAN_KEY" in shown


def test_settings_that_cannot_be_imported_stop_only_who_uses_them(run: Run) -> None:
    _change(run, lambda text: "import no_such_module\n")

    assert run("version").returncode == 0
    for settings in ({"BELLGLASS_SANDBOX": "podman"}, {"BELLGLASS_PODMAN_IMAGE": "x"}):
        done = run("version", **settings)
        assert done.returncode == 2
        assert "settings of the backend podman cannot be imported" in done.stderr
        assert "no_such_module" in done.stderr


def test_a_setting_that_there_is_already_is_refused(run: Run) -> None:
    points = run.folder / "bellglass_podman-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().replace("podman =", "http ="))
    _change(run, lambda text: text + "    token: str = ''\n")
    done = run("version")

    assert done.returncode == 2
    assert "declares the setting BELLGLASS_HTTP_TOKEN, which there is already" in done.stderr


def _change(run: Run, change: Callable[[str], str]) -> None:
    module = run.folder / "bellglass_podman_settings.py"
    module.write_text(change(module.read_text()))
