"""The command line: settings as options, help, completion, and what is said of mistakes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from commands.support import at_terminal, bellglass

from bellglass.server.command_line.setting_options import in_groups
from bellglass.server.settings import Settings, SettingsError, known_settings


@pytest.mark.parametrize("asked", ["--version", "-V", "version"])
def test_version_is_printed(asked: str) -> None:
    done = bellglass(asked)

    assert re.fullmatch(r"bellglass \d+\.\d+\.\d+\n", done.stdout)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_explains_every_setting_in_a_group_with_its_default_and_choices() -> None:
    shown = bellglass("help", "settings").stdout
    words = " ".join(shown.split())

    for setting in known_settings().values():
        named = setting.variable if setting.is_secret else f"--{setting.flag} "
        assert named in words
    assert "--network [none|packages|allow-list|open]" in words
    assert "together, in MiB. [default: 1024]" in words
    assert "--errors-as-tool-errors / --no-errors-as-tool-errors" in words
    for title, names in in_groups():
        assert not names or f"\n{title}:\n" in shown


def test_help_of_a_command_is_short_and_leads_to_the_settings() -> None:
    for asked in (["doctor", "--help"], ["help", "doctor"]):
        shown = bellglass(*asked).stdout

        assert shown.startswith("Usage: bellglass doctor [OPTIONS]\n")
        assert "bellglass help settings" in shown
        assert "--memory-mb" not in shown


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--memroy-mb", "512"], "Did you mean '--memory-mb'?"),
        (["doctor", "--memroy-mb", "512"], "Did you mean '--memory-mb'?"),
        (["docter"], "Did you mean 'doctor'?"),
        (["--sandbox", "dcoker", "doctor"], "--sandbox='dcoker'"),
        (["doctor", "--disk-mb", "0"], "--disk-mb='0' should be"),
        (["install", "cursr"], "'cursor'"),
        (["image", "biuld"], "Did you mean 'build'?"),
    ],
)
def test_mistakes_are_told_in_three_lines_at_most(arguments: list[str], meant: str) -> None:
    done = bellglass(*arguments)

    assert done.returncode == 2
    assert meant in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert done.stdout == ""


def test_settings_are_taken_before_and_after_the_command(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    told = bellglass(
        *("--memory-mb", "512", "install", "zed", "--dry-run", "--errors-as-tool-errors"),
        *("--network-hosts", "a.example", "--network-hosts", "b.example"),
        *("--network", "allow-list", "--package-dir", "wheels"),
        settings=home,
        cwd=tmp_path,
    ).stdout

    args = re.findall(r'"([^"]+)"', told.partition('"args"')[2])
    for given in (
        ("--memory-mb", "512"),
        ("--network-hosts", "a.example,b.example"),
        ("--package-dir", f"{tmp_path}/wheels"),
    ):
        assert given in set(pairwise(args))
    assert args.count("--errors-as-tool-errors") == 1


def test_a_server_at_a_terminal_says_what_it_is_and_waits_for() -> None:
    shown = at_terminal(until="waiting for a client")

    assert shown.startswith("bellglass 0.")
    assert "waiting for a client on stdin" in shown
    assert "bellglass doctor" in shown
    assert len(shown.splitlines()) == 1


def test_a_server_at_a_pipe_says_nothing() -> None:
    done = bellglass(input="")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_serving_imports_nothing_of_the_command_line() -> None:
    code = "import sys, bellglass.server.app, bellglass.server.commands.serve\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert not {
        name for name in loaded if name.startswith(("bellglass.server.command_line", "rich"))
    }


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ru", "run"),
        ("doctor --net", "--network"),
        ("--network pack", "packages"),
        ("shell --sandbox emb", "embedded"),
        ("install claude-d", "claude-desktop"),
        ("image ", "build"),
    ],
)
def test_bash_completes_words(typed: str, offered: str) -> None:
    ask = (
        f'eval "$(bellglass completion bash)"; COMP_WORDS=(bellglass {typed}); '
        '[[ "$1" == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
        f'_bellglass_completion bellglass; echo "${{COMPREPLY[@]}}"'
    )
    bin_folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-c", ask, "bash", typed],
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )

    assert offered in done.stdout.split(), done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_and_words_too(shell: str) -> None:
    script = bellglass("completion", shell).stdout
    asked = {
        "_BELLGLASS_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "bellglass ru",
        "COMP_CWORD": "ru" if shell == "fish" else "1",
    }

    assert f"_BELLGLASS_COMPLETE={shell}_complete" in script
    assert "run" in re.split(r"[\s,]+", bellglass(settings=asked).stdout)


class TestConfiguration:
    """`config.toml`, below the variables and the options."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "bellglass" / "config.toml"
        file.parent.mkdir()
        return file

    def read(self, file: Path, flags: dict[str, str] | None = None, **variables: str) -> Settings:
        return Settings.from_environ({"XDG_CONFIG_HOME": str(file.parents[1]), **variables}, flags)

    def test_options_go_before_variables_and_variables_before_the_file(self, file: Path) -> None:
        file.write_text('memory_mb = 600\ndisk_mb = 60\nmax_processes = 50\ndocker_image = "x"\n')

        settings = self.read(
            file,
            {"memory_mb": "800"},
            BELLGLASS_MEMORY_MB="700",
            BELLGLASS_DISK_MB="70",
        )

        given = (settings.memory_mb, settings.disk_mb, settings.max_processes)
        assert given == (800, 70, 50)
        assert settings.given_to("docker") == {"BELLGLASS_DOCKER_IMAGE": "x"}

    def test_lists_and_booleans_are_those_of_toml(self, file: Path) -> None:
        file.write_text('errors_as_tool_errors = true\nrefuse_imports = ["socket", "ssl"]\n')

        settings = self.read(file)

        assert settings.errors_as_tool_errors
        assert settings.refuse_imports == ("socket", "ssl")

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("memroy_mb = 600", ": memroy_mb is not a setting. Did you mean memory_mb?"),
            ("memory_mb = 6", ": memory_mb='6' should be greater than or equal to 64."),
            ("memory_mb = ", " is not TOML: "),
            ("[docker]\nimage = 'x'", ": docker is not a setting. "),
            ("config = 'x'", ": config is not a setting. "),
            ("sandbox = 'dcoker'", ": sandbox='dcoker' is not an installed backend. Did you"),
        ],
    )
    def test_mistakes_name_the_file_and_the_key(self, file: Path, text: str, told: str) -> None:
        file.write_text(text)

        with pytest.raises(SettingsError) as failure:
            self.read(file)

        assert str(failure.value).startswith(f"{file}{told}")
        assert len(str(failure.value).splitlines()) == 1

    def test_paths_are_beside_the_file(self, file: Path) -> None:
        file.write_text('http_token_file = "token"\npackage_dir = "/wheels"\n')

        settings = self.read(file)

        assert settings.http_token_file == str(file.parent / "token")
        assert settings.package_dir == "/wheels"

    def test_a_secret_may_be_there_if_nobody_else_can_read_it(self, file: Path) -> None:
        file.write_text('http_token = "0123456789-abcdefghijklmnop"\n')
        file.chmod(0o640)

        with pytest.raises(SettingsError, match=r"http_token, which is secret.* chmod 600 "):
            self.read(file)
        file.chmod(0o600)

        assert self.read(file).http_token is not None

    def test_another_file_is_named_by_an_option_or_a_variable(
        self, file: Path, tmp_path: Path
    ) -> None:
        file.write_text("memory_mb = 600\n")
        other = tmp_path / "other.toml"
        other.write_text("memory_mb = 700\n")

        assert self.read(file, {"config": str(other)}).memory_mb == 700
        assert self.read(file, BELLGLASS_CONFIG=str(other)).memory_mb == 700
        with pytest.raises(SettingsError, match=r"absent\.toml: No such file"):
            self.read(file, {"config": str(tmp_path / "absent.toml")})

    def test_the_command_reads_it(self, file: Path) -> None:
        file.write_text("memory_mb = 6\n")
        home = {"XDG_CONFIG_HOME": str(file.parents[1])}

        for arguments in ((), ("doctor",)):
            done = bellglass(*arguments, settings=home, input="")

            assert done.returncode == 2
            assert done.stderr.startswith(f"bellglass: {file}: memory_mb='6'")
