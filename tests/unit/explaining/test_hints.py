"""Hints say only what is particular to this sandbox, and name no unknown package."""

from pathlib import Path

import pytest

from bellglass.sandboxes.execution import Execution, ExecutionError, Output
from bellglass.sandboxes.session_limits import Limits
from bellglass.sandboxes.setup.package_set import PackageSet
from bellglass.sandboxes.setup.packages import Packages
from bellglass.tools.execute.hints.hints import hint_for
from bellglass.tools.execute.hints.rules import RULES

LONGER = "pass a larger timeout (at most 300 s) or background=true"


NO_IPYTHON = "No module named 'IPython', which the line `%time 1` needs"


def hint_on(
    name: str,
    message: str,
    network: str = "none",
    near: tuple[str, ...] = (),
    packages: Packages | None = None,
) -> str:
    error = ExecutionError(name=name, message=message, traceback="", near=list(near))
    execution = Execution(status="error", error=error)
    hint = hint_for(execution, Limits(), fresh=False, network=network, packages=packages)
    return hint or ""


def packages_of(folder: Path, *names: str) -> Packages:
    """Return what is known of a Python in `folder` that has these packages."""
    site = folder / "lib/python3.11/site-packages"
    for name in names:
        (site / f"{name}-1.0.dist-info").mkdir(parents=True)
    return Packages.of(str(folder / "bin/python"), PackageSet())


def hint_on_command(exit_code: int, said: str, network: str = "none") -> str:
    execution = Execution(status="exit", exit_code=exit_code, stderr=Output(text=said))
    return hint_for(execution, Limits(), fresh=False, network=network, longer=LONGER) or ""


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        ("NameError", "name '__file__' is not defined", "Path.cwd()"),
        ("OSError", "[Errno 28] No space left on device", "delete files"),
        ("OSError", "[Errno 30] Read-only file system: '/etc/x'", "working directory and /tmp"),
        ("PermissionError", "[Errno 13] Permission denied: '/etc/x'", "working directory and /tmp"),
        ("RuntimeError", "can't start new thread", "limit of processes"),
        ("EOFError", "EOF when reading a line", "nobody can type"),
        (
            "RuntimeError",
            "asyncio.run() cannot be called from a running event loop",
            "await main()",
        ),
        (
            "AttributeError",
            "Can't get attribute 'area' on <module '__main__' (built-in)>",
            "get_context('fork')",
        ),
    ],
)
def test_limit_of_the_sandbox_has_advice(name: str, message: str, expected: str) -> None:
    assert expected in hint_on(name, message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("ValueError", "too many values to unpack (expected 2)"),
        ("ZeroDivisionError", "division by zero"),
        ("PermissionError", "[Errno 13] Permission denied: 'locked.txt'"),
        ("NameError", "name 'total' is not defined"),
        ("NameError", "name 'np' is not defined"),
    ],
)
def test_what_python_says_itself_is_not_said_again(name: str, message: str) -> None:
    assert hint_on(name, message) == ""


@pytest.mark.parametrize(
    ("network", "module", "expected"),
    [
        ("none", "sklearn", "scikit-learn is not installed, and without network"),
        ("none", "sklearn", "BELLGLASS_NETWORK=packages"),
        ("allow-list", "sklearn", "pip has no index here"),
        ("packages", "sklearn", "`pip install scikit-learn`"),
        ("packages", "sklearnn", "did you mean sklearn?"),
        ("open", "invented_helper", "not a known package: check the name"),
        ("none", "nest_asyncio", "work here without it"),
    ],
)
def test_missing_module_is_answered_by_what_can_be_had(
    network: str, module: str, expected: str
) -> None:
    assert expected in hint_on("ModuleNotFoundError", f"No module named '{module}'", network)


@pytest.mark.parametrize("module", ["pandas", "sklearn", "IPython", "PIL"])
def test_what_setup_installs_is_the_users_to_install(module: str, tmp_path: Path) -> None:
    message = f"No module named '{module}'"
    hint = hint_on("ModuleNotFoundError", message, packages=packages_of(tmp_path))

    assert "Ask the user to run `bellglass setup` once" in hint


def test_no_alternative_is_named_that_was_not_found(tmp_path: Path) -> None:
    message = "No module named 'polars'"
    with_pandas = packages_of(tmp_path / "with", "pandas")
    without = packages_of(tmp_path / "without", "numpy")

    assert "pandas is there" in hint_on("ModuleNotFoundError", message, packages=with_pandas)
    assert "pandas" not in hint_on("ModuleNotFoundError", message, packages=without)
    assert "pandas" not in hint_on("ModuleNotFoundError", message)


@pytest.mark.parametrize("network", ["none", "packages", "allow-list", "open"])
def test_no_package_is_recommended_that_is_not_known(network: str) -> None:
    hint = hint_on("ModuleNotFoundError", "No module named 'totally_invented'", network)

    assert "pip install" not in hint


@pytest.mark.parametrize(
    ("name", "message", "module"),
    [
        ("AttributeError", "The '.style' accessor requires jinja2", "jinja2"),
        ("ImportError", "`Import tabulate` failed.  Use pip, conda, or your ...", "tabulate"),
        ("ImportError", "Missing optional dependency 'openpyxl'.  Use pip or conda", "openpyxl"),
    ],
)
def test_library_that_wants_another_is_answered_as_an_import(
    name: str, message: str, module: str
) -> None:
    assert f"`pip install {module}`" in hint_on(name, message, "packages", near=("astype",))


@pytest.mark.parametrize(
    ("exit_code", "said", "expected"),
    [
        (127, "bash: line 1: wget: command not found", "wget is not installed here"),
        (127, "bash: line 1: sudo: command not found", "sudo"),
        (127, "bash: line 1: frobnicate: command not found", "compgen -c"),
        (127, "bash: line 1: nano: command not found", "there is no terminal"),
        (1, "Error opening terminal: unknown.", "there is no terminal"),
        (1, "curl: (6) Could not resolve host: example.com", "no network"),
        (1, "bash: line 1: $'\\r': command not found", "CR LF"),
        (2, "x.sh: line 2: syntax error near unexpected token `$'do\\r''", "CR LF"),
        (137, "", "137"),
        (1, "Traceback ...\nModuleNotFoundError: No module named 'yaml'", "PyYAML"),
        (2, "usage: tool.py [-h] FILE", "sys.argv"),
    ],
)
def test_failed_command_has_advice(exit_code: int, said: str, expected: str) -> None:
    assert expected in hint_on_command(exit_code, said)


def test_line_that_needs_ipython_says_what_to_install(tmp_path: Path) -> None:
    message = "name 'get_ipython' is not defined"
    assert "bellglass setup" in hint_on("NameError", message, packages=packages_of(tmp_path))
    assert "pip install ipython" in hint_on("ModuleNotFoundError", NO_IPYTHON, network="packages")


def test_other_failures_of_a_command_have_none() -> None:
    assert hint_on_command(127, "bash: line 2: TARGET: unbound variable") == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ls -la", True),
        ("pip install numpy", True),
        ("ls = [1, 2", False),
        ("cat = Cat(", False),
        ("source = {", False),
        ("cd", False),
    ],
)
def test_shell_is_told_from_python(line: str, expected: bool) -> None:
    error = ExecutionError(
        name="SyntaxError", message="invalid syntax", traceback="", code=f"> 1 | {line}"
    )
    hint = hint_for(Execution(status="error", error=error), Limits(), fresh=False)

    assert ("execute_bash" in (hint or "")) is expected


def test_new_session_is_named_where_something_is_missing() -> None:
    error = ExecutionError(name="NameError", message="name 'total' is not defined", traceback="")
    hint = hint_for(Execution(status="error", error=error), Limits(), fresh=True)

    assert "pass the session_id" in (hint or "")


def test_run_that_forgot_to_await_is_told_though_it_did_not_fail() -> None:
    warned = "<call 1>:2: RuntimeWarning: coroutine 'main' was never awaited\n"
    hint = hint_for(Execution(status="ok", stderr=Output(text=warned)), Limits(), fresh=False)

    assert "await" in (hint or "")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Vim: Warning: Output is not to a terminal", "there is no terminal"),
        ("Can't get attribute 'area' on <module '__main__' (built-in)>", "write area to a file"),
        ("npm error code ENOTCACHED\nnpm error request to ... failed: cache mode is", "no network"),
        ("npm error code ENOTFOUND getaddrinfo ENOTFOUND registry.example", "no network"),
        ("", "background=true"),
    ],
)
def test_time_limit_is_explained_where_more_time_would_not_help(said: str, expected: str) -> None:
    execution = Execution(status="timeout", stderr=Output(text=said))

    assert expected in (hint_for(execution, Limits(), fresh=False, longer=LONGER) or "")


@pytest.mark.parametrize("offered", [True, False])
def test_process_that_was_left_running_names_background(offered: bool) -> None:
    longer = LONGER if offered else "pass a larger timeout"
    command = Execution(status="ok", exit_code=0, killed_processes=1)
    hint = hint_for(command, Limits(), fresh=False, longer=longer)
    python = hint_for(
        Execution(status="ok", killed_processes=1), Limits(), fresh=False, longer=longer
    )

    assert ("background=true" in (hint or "")) is offered
    assert python is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ERROR: Could not find a version that satisfies the", "BELLGLASS_NETWORK=packages"),
        ("ERROR: [Errno 28] No space left on device", "the disk of the session is full"),
    ],
)
def test_command_of_a_notebook_that_failed_has_the_advice_of_bash(said: str, expected: str) -> None:
    failed = Output(text=f"{said}\n[the command exited with code 1]\n")
    hint = hint_for(Execution(status="ok", stderr=failed), Limits(), fresh=False)
    printed = hint_for(Execution(status="ok", stderr=Output(text=said)), Limits(), fresh=False)

    assert hint is not None
    assert expected in hint
    assert printed is None


def test_run_that_went_well_has_no_hint() -> None:
    assert hint_for(Execution(status="ok", value="1"), Limits(), fresh=True) is None


def test_every_rule_fills_its_advice() -> None:
    for rule in RULES:
        rule.advice.format("a")
