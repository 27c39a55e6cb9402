"""Lent folders: how they are written, which are refused, and what a survey finds."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.folders import survey as surveys
from bellglass.sandboxes.folders.folder import absolute, parse
from bellglass.sandboxes.folders.hidden_names import is_hidden
from bellglass.sandboxes.folders.survey import Mask, Survey, UnsuitableFolder
from bellglass.server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in somebody's home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project = tmp_path / "home" / "app"
    project.mkdir(parents=True)
    return project


def test_a_setting_names_several_folders(project: Path) -> None:
    settings = Settings.from_environ(
        {"BELLGLASS_FOLDERS": f"app={project}; twice=~/app:ro,show=.env,show=*.pem"}
    )

    app, twice = settings.folders
    assert (app.target, app.path, app.mode, app.show) == ("/folders/app", str(project), "ro", ())
    assert (twice.target, twice.path) == ("/folders/twice", str(project))
    assert twice.show == (".env", "*.pem")


def test_a_folder_that_nobody_has_chosen_in_a_bundle_is_none() -> None:
    assert Settings.from_environ({"BELLGLASS_FOLDERS": ";:copy"}).folders == ()


def test_a_folder_without_a_name_has_its_own(project: Path) -> None:
    spaced = project / "Quarterly figures (2026)"
    spaced.mkdir()

    assert parse(f"{spaced}:copy").target == "/folders/Quarterly-figures-2026"
    assert parse(f"{spaced}:copy").mode == "copy"


def test_a_setting_is_made_absolute_but_for_what_a_client_fills_in(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)

    made = absolute("app=.:copy,python=.venv;~/app;w=${workspaceFolder}:copy")

    assert made == f"app={project}:copy,python=.venv;{project};w=${{workspaceFolder}}:copy"


def test_a_path_may_have_colons_and_commas(project: Path) -> None:
    odd = project / "a:b,c=d"
    odd.mkdir()

    assert parse(f"odd={odd}").path == str(odd)
    assert parse(f"odd={odd}:ro").path == str(odd)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("app", "nothing at this path"),
        ("a/b=~/app", "nothing at this path"),
        ("..=~/app", "nothing at this path"),
        ("app=~/app,python=../venv", "no virtual environment in the folder"),
        ("app=~/app:wr", "nothing at this path"),
        ("app=/", "more than one project"),
        ("app=~", "home directory"),
        ("app=~/..", "above the home directory"),
        ("app=~/app/file", "not a folder"),
        ("app=/nonexistent", "nothing at this path"),
        ("app=/etc/ssl", "belongs to the system"),
        ("app=/proc/self", "belongs to the system"),
        ("app=/tmp", "more than one project"),
        ("app=~/.ssh", "usually holds secrets"),
        ("app=~/.aws/sso", "usually holds secrets"),
        ("app=~/link", "home directory"),
        ("app=~/.cache", "keeps its own state"),
        ("app=~/.cache/bellglass/packages", "keeps its own state"),
        ("app=~/app;App=~/app", "two folders"),
    ],
)
def test_what_must_not_be_lent_stops_the_start_and_says_why(
    project: Path, monkeypatch: pytest.MonkeyPatch, written: str, reason: str
) -> None:
    home = project.parent
    for variable in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    (project / "file").touch()
    for name in (".ssh", ".aws/sso", ".cache/bellglass/packages"):
        (home / name).mkdir(parents=True)
    (home / "link").symlink_to(home)

    with pytest.raises(SettingsError, match=reason) as caught:
        Settings.from_environ({"BELLGLASS_FOLDERS": written})

    assert str(caught.value).startswith("BELLGLASS_FOLDERS=")
    assert "\n" not in str(caught.value)


def test_the_program_that_serves_is_not_lent_to_be_changed() -> None:
    with pytest.raises(ValueError, match="the program that serves"):
        parse(f"own={os.path.dirname(sys.prefix)}:rw")


def test_a_folder_that_holds_a_key_of_the_server_is_refused(project: Path) -> None:
    with pytest.raises(SettingsError, match="which the server reads"):
        Settings.from_environ(
            {
                "BELLGLASS_FOLDERS": f"app={project}",
                "BELLGLASS_HTTP_TOKEN_FILE": str(project / "token"),
            }
        )


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        (".env", True),
        (".ENV", True),
        (".env.production", True),
        (".env.example", False),
        ("environment.py", False),
        ("server.key", True),
        ("Server.PEM", True),
        ("cacert.pem", False),
        ("service-account-prod.json", True),
        ("service_account.py", False),
        ("config", False),
    ],
)
def test_a_name_is_hidden_in_any_case(name: str, hidden: bool) -> None:
    assert is_hidden(name) is hidden


def survey(project: Path, options: str = "") -> Survey:
    return Survey(parse(f"app={project}{options}"))


def test_git_configurations_are_hidden_at_any_depth(project: Path) -> None:
    for name in (".git", ".git/modules/lib", "sub/.git", "other"):
        (project / name).mkdir(parents=True)
        (project / name / "config").touch()

    assert [mask.path for mask in survey(project).look()] == [
        ".git/config",
        ".git/modules/lib/config",
        "sub/.git/config",
    ]


def test_a_second_look_finds_what_has_changed(project: Path) -> None:
    (project / "src").mkdir()
    looks = survey(project)
    assert looks.look() == []

    (project / "src/.env").touch()
    assert looks.look() == [Mask("src/.env", False)]

    (project / "src/.env").unlink()
    (project / "src/.env").mkdir()
    assert looks.look() == [Mask("src/.env", True)]


def test_a_folder_is_hidden_once_with_all_that_is_in_it(project: Path) -> None:
    for name in (".ssh", ".ssh-old", ".ssh/deep"):
        (project / name).mkdir()
    (project / ".ssh/deep/id_rsa").touch()
    (project / "real.txt").symlink_to(".ssh/deep/id_rsa")
    (project / ".netrc").symlink_to(".ssh/deep/id_rsa")

    assert survey(project).look() == [Mask(".ssh", True)]


def test_links_are_not_followed(project: Path) -> None:
    (project / "loop").symlink_to(".")
    (project / "out").symlink_to("/")
    (project / ".netrc").symlink_to("/etc/passwd")

    assert survey(project).look() == []


def test_a_folder_that_is_too_large_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MAX_ENTRIES", 20)
    for number in range(21):
        (project / f"{number}").touch()

    with pytest.raises(UnsuitableFolder, match="more than 20 entries"):
        survey(project).look()


def test_a_folder_with_too_many_secrets_is_refused_unless_they_are_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MAX_MASKS", 20)
    for number in range(21):
        (project / f"{number}.pem").touch()

    with pytest.raises(UnsuitableFolder, match="21 names"):
        survey(project).look()
    assert survey(project, ",show=*.pem").look() == []


def test_a_folder_that_is_nested_too_deep_is_refused(project: Path) -> None:
    deep = project / "/".join("d" * (surveys.MAX_DEPTH + 2))
    deep.mkdir(parents=True)

    with pytest.raises(UnsuitableFolder, match="nested deeper"):
        survey(project).look()


def test_a_folder_that_cannot_be_read_is_refused(project: Path) -> None:
    looks = survey(project)
    os.rmdir(project)

    with pytest.raises(UnsuitableFolder, match="cannot be read"):
        looks.look()
