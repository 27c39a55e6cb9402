"""Findings about Bash scripts that are not run."""

from __future__ import annotations

import pytest
from unit.checking.support import checked, kinds


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("if true; then\n echo\n", 2, "unexpected end of file"),
        ("echo 'a\n", 1, "matching"),
        ("echo a\nfi\n", 2, "unexpected token"),
        ("echo a\0b", 1, "NUL"),
    ],
)
def test_a_bash_syntax_error_has_its_line(code: str, line: int, message: str) -> None:
    error = checked(code, "bash")["errors"][0]

    assert error["line"] == line
    assert message in error["message"]


@pytest.mark.slow
def test_bash_that_nests_too_deeply_is_an_error_and_not_a_crash() -> None:
    (error,) = checked("${" * 100_000, "bash")["errors"]

    assert "deeply" in error["message"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rm -rf /tmp/x", "deletes files"),
        ("'r'm x", "deletes files"),
        ("/bin/rm x", "deletes files"),
        ("if true; then rm x; fi", "deletes files"),
        ("A=1 B=2 rm x", "deletes files"),
        ("f() { rm x; }; f", "deletes files"),
        ("function f { rm x; }", "deletes files"),
        ("x=$(rm y)", "deletes files"),
        ('echo "`rm y`"', "deletes files"),
        ("cat <<EOF\n$(rm y)\nEOF", "deletes files"),
        ("cat <(rm y)", "deletes files"),
        ("case $1 in a) rm x;; esac", "deletes files"),
        ("( (rm x) )", "deletes files"),
        ("find . -name x -exec rm {} +", "deletes files"),
        ("find . -delete", "deletes files"),
        ("ls | xargs -n 1 rm", "deletes files"),
        ("timeout -k 1 5 rm x", "deletes files"),
        ("bash -c 'rm x'", "deletes files"),
        ("eval 'rm x'", "deletes files"),
        ("sudo ls", "asks for privileges"),
        ("curl x | sh", "evaluates strings"),
        ("wget x", "opens the network"),
        ("echo > /dev/tcp/1.1.1.1/80", "opens the network"),
        ("dd if=a of=b", "writes to devices"),
        ("mkfs.ext4 /dev/sda", "writes to devices"),
        ("echo a >> /etc/hosts", "writes files"),
        ("cat /etc/passwd", "reads files"),
        ("kill -9 1", "ends or signals processes"),
        ("chmod +x a", "changes permissions"),
        ("python3 -c 'print(1)'", "evaluates strings"),
        ("sleep 9 &", "starts processes"),
        ("$command a", "looks names up dynamically"),
        ("/bin/r* a", "looks names up dynamically"),
        ("{rm,a}", "looks names up dynamically"),
        ("$'\\x72m' a", "deletes files"),
        ("alias l=rm; l a", "deletes files"),
        ("trap 'rm a' EXIT", "deletes files"),
        ("busybox rm a", "deletes files"),
        ("awk 'BEGIN { system(\"ls\") }'", "starts processes"),
        ("python3 - <<'EOF'\nprint(1)\nEOF", "evaluates strings"),
        ("sh <<'EOF'\nrm x\nEOF", "deletes files"),
        ("bash <<< 'rm x'", "deletes files"),
        ("curl x | sudo bash -s -- --yes", "evaluates strings"),
        ("su -c 'rm x' bob", "deletes files"),
        ("sudo -u bob env -u HOME rm x", "deletes files"),
        ("timeout --signal KILL 5 rm x", "deletes files"),
        ("find . -exec sh -c 'rm \"$1\"' _ {} \\;", "deletes files"),
        ("bash -c \"eval 'rm x'\"", "deletes files"),
        ("echo $((1 + $(rm x)))", "deletes files"),
        ('echo "${a:-$(rm x)}"', "deletes files"),
        ("(sleep 1) &", "starts processes"),
        ("declare -A m=([y y]=$(rm x))", "deletes files"),
    ],
)
def test_a_risk_in_bash_is_named(code: str, kind: str) -> None:
    assert kind in kinds(code, "bash")


@pytest.mark.parametrize(
    "code",
    [
        "# rm -rf /",
        "echo rm -rf / 'curl x' \"sudo\"",
        "cat <<'EOF'\nrm $(rm x)\nEOF",
        "case $1 in rm) echo;; kill|nc) :;; esac",
        "ls 2>/dev/null >&2",
        "[[ $a > $b && -f rm ]] && echo yes",
        "(( a > b ))\necho $((a > b))",
        "list=(rm curl)\nfor f in rm; do echo $f; done",
        "remove() { echo; }\nremove x",
        "echo a\\;rm",
        "awk '{ print $1 }' a; python3 --version",
        "ls *.txt {a,b}; [ -f a ] && echo yes",
        "command -v curl >&2 || type rm",
        'declare -A m=([y y]=2); echo "${m[y y]}"',
        "xargs -I rm echo rm < list",
    ],
)
def test_innocent_bash_has_no_risk(code: str) -> None:
    assert checked(code, "bash")["risks"] == []


def test_windows_line_ends_are_a_warning_in_bash() -> None:
    (warning,) = checked("echo a\r\n", "bash")["warnings"]

    assert "carriage return" in warning["message"]


def test_every_syntax_error_of_a_script_is_named_with_its_place() -> None:
    code = "echo a\nfi\nls\ndone\nfor i in 1; echo $i; done\necho 'x\n"

    errors = checked(code, "bash")["errors"]

    places = [(error["line"], error["column"]) for error in errors]
    assert places == [(2, 1), (4, 1), (5, 13), (6, 6)]
    assert errors[0]["source"] == "fi\n^^"


def test_what_only_follows_from_an_error_is_not_named() -> None:
    (error,) = checked("if a; then }\n echo\nfi\nwhile b; do\n c\ndone\n", "bash")["errors"]

    assert error["line"] == 1


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("f=a\nrm $f", 2, "Double quote"),
        ("echo $undefined_name", 1, "referenced but not assigned"),
        ("[ a=b ]", 1, "constant"),
        ("x = 1", 1, "Remove spaces around ="),
        ("if [ 1 > 2 ]; then echo; fi", 1, "string comparisons"),
    ],
)
def test_a_likely_bug_in_bash_is_a_warning(code: str, line: int, message: str) -> None:
    warnings = checked(code, "bash")["warnings"]

    assert line in [warning["line"] for warning in warnings]
    assert message in " ".join(warning["message"] for warning in warnings)


def test_a_long_script_is_not_waited_for() -> None:
    result = checked('for f in *; do echo "$f" | grep x; done\n' * 301, "bash")

    assert result["errors"] == []
    assert "check a script of more than 300 lines in parts" in result["notes"][0]


def test_a_script_that_is_not_right_is_looked_at_line_by_line() -> None:
    result = checked("if true; then\n  echo 'rm' # rm\n  rm x | sh\n", "bash")

    assert [(risk["line"], risk["kind"]) for risk in result["risks"]] == [
        (3, "deletes files"),
        (3, "evaluates strings"),
    ]
    assert "line by line" in result["notes"][0]


def test_the_strings_that_are_run_as_scripts_are_counted() -> None:
    result = checked("".join(f"eval 'echo {number}'\n" for number in range(50)), "bash")

    assert "more than 30 strings as scripts" in result["notes"][0]


LINE = 'echo "$source" "$(basename "$source")"\n'


@pytest.mark.parametrize(
    "middle",
    [
        f"\n{LINE}rm here",
        "cat <<'EOF'\n\nrm nothing\n\nEOF\nrm here",
        "echo 'a\n\nrm nothing\n\nb'\nrm here",
        "f() {\ntrue\n\nfalse\n\n}\nrm here",
    ],
)
def test_the_risks_of_a_long_script_have_their_lines(middle: str) -> None:
    code = f"{LINE * 100}{middle}\n{LINE * 100}\nrm at-the-end"

    risks = checked(code, "bash")["risks"]

    lines = code.split("\n")
    assert [risk["line"] for risk in risks] == [lines.index("rm here") + 1, len(lines)]
