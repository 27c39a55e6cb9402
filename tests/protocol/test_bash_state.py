"""State that lasts from one Bash command to the next, as in one shell, and state that does not."""

from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult
from protocol.support import record_of, text_of

LASTS: list[tuple[str, list[str], str]] = [
    (
        "directories",
        ["cd /usr; cd /tmp; pushd /var >/dev/null", "echo $PWD $OLDPWD; popd"],
        "/var /tmp\n/tmp\n",
    ),
    (
        "variables of every kind",
        [
            "export E='a b'; A=(1 'two 2'); A[7]=x; declare -A M=(['k 1']=$'v\\n2'); "
            "declare -i N=5; declare -n R=N; readonly C=3",
            'env | grep ^E=; echo "${A[1]} ${!A[*]} ${M[k 1]}"; N=N+1; echo $R; '
            "(C=4) 2>&1 | grep -c readonly",
        ],
        "E=a b\ntwo 2 0 1 7 v\n2\n6\n1\n",
    ),
    ("more than 2 MB", ["B=$(head -c 3000000 /dev/zero | tr '\\0' x)", "echo ${#B}"], "3000000\n"),
    (
        "functions, also those that need extglob or have the name of a builtin",
        [
            "shopt -s extglob\nf() { case $1 in @(a|b)) echo $1;; esac; }\nexport -f f\n"
            "cd() { builtin cd /usr; }",
            "f a; bash -c 'shopt extglob' | cut -f1; pwd; cd x; pwd",
        ],
        "a\nextglob",
    ),
    (
        "aliases",
        ["alias ll='ls -d'; alias ls='ls -1'", "ll /usr; alias ll"],
        "/usr\nalias ll='ls -d'",
    ),
    (
        "options and umask",
        [
            "set -o pipefail -o noglob; shopt -s nullglob; umask 027",
            "false | true; echo $? * $(umask)",
        ],
        "1 * 0027\n",
    ),
    (
        "traps of signals",
        ["trap 'echo told' USR1", "kill -USR1 $$; trap -p"],
        "told\ntrap -- 'echo told'",
    ),
    (
        "what a failing script with a trap of its own left",
        [
            "set -euo pipefail\ntrap 'echo gone $?; exit 9' EXIT\nX=1; cd /usr\nfalse",
            "echo $X $PWD; trap -p",
        ],
        "1 /usr\n",
    ),
    (
        "what an exit in a function left, without its locals",
        [
            "X=global; L=(a); f() { local X=in L=1 O=2; g; }; "
            "g() { local X=deep; local -n Y=X; Z=set; exit 3; }; f",
            "echo $X ${L[0]} $Z [${O-unset}] [${Y-unset}]",
        ],
        "global a set [unset] [unset]\n",
    ),
    ("what a shell ended by a signal left", ["X=1; kill -TERM $$", "echo $X"], "1\n"),
]


async def conversation(client: Client, *commands: str, **arguments: Any) -> list[CallToolResult]:
    results: list[CallToolResult] = []
    for command in commands:
        session = {"session_id": record_of(results[0])["session_id"]} if results else {}
        call = {"command": command, **session, **arguments}
        results.append(await client.call_tool("execute_bash", call))
    return results


async def test_state_lasts_as_in_one_shell(client: Client, subtests: pytest.Subtests) -> None:
    for what, commands, printed in LASTS:
        with subtests.test(what):
            *_, last = await conversation(client, "", *commands)

            assert printed in text_of(last), text_of(last)


ENDS = [
    ("set -eu; true", "false; echo on ${UNSET-}", "on"),
    ("set -x", "echo on", "on\nsession_id"),
    ("trap 'echo LATE' EXIT ERR DEBUG RETURN", "false; echo on", "on\nsession_id"),
]


async def test_what_is_for_one_script_ends_with_it(
    client: Client, subtests: pytest.Subtests
) -> None:
    for before, command, printed in ENDS:
        with subtests.test(before):
            *_, last = await conversation(client, "", before, command)

            assert text_of(last).startswith(printed), text_of(last)


OWN_TRAPS = [
    ("trap 'echo bye $?' EXIT; exit 3", "bye 3"),
    ("f() { local t=1; trap 'echo $t $?' EXIT; exit 4; }; f", "1 4"),
    ("trap 'echo bye' EXIT; trap -p", "trap -- 'echo bye' EXIT\n"),
    ("trap 'echo bye' EXIT; trap - EXIT; echo on", "on\nsession_id"),
    ("trap 'echo bye' EXIT; (trap 'echo sub' EXIT); echo on", "sub\non\nbye"),
    ("f() { trap 'echo back' RETURN; echo in; }; f; trap 'echo bye' 0", "in\nback\nbye"),
    ("trap 'echo err $LINENO' ERR\nfalse\ntrap 'echo bye' EXIT", "err 2\nbye"),
    ("trap 'echo first $BASH_COMMAND' DEBUG; echo on", "first echo on\non\nsession_id"),
]


async def test_trap_works_as_in_any_shell(client: Client, subtests: pytest.Subtests) -> None:
    for command, printed in OWN_TRAPS:
        with subtests.test(command):
            [result] = await conversation(client, command)

            assert printed in text_of(result), text_of(result)


@pytest.mark.parametrize(
    "command",
    [
        "set -x; X=1; exit 3",
        "set -x; trap 'echo bye' EXIT; exit 3",
        "exec 5>&2; BASH_XTRACEFD=5; set -x; echo on",
    ],
)
async def test_a_trace_shows_only_the_command(client: Client, command: str) -> None:
    [result] = await conversation(client, command)

    assert "+ " in text_of(result)
    assert "bellglass" not in text_of(result)
    assert "builtin" not in text_of(result)


async def test_state_that_could_not_be_kept_is_told(client: Client) -> None:
    results = await conversation(client, "X=1", "X=2; exec echo replaced", "echo $X")

    assert "Variables are as they were before this call." in text_of(results[1])
    assert record_of(results[1])["state"] == "restored"
    assert text_of(results[2]).startswith("1\n")


async def test_directory_that_is_gone_is_told(client: Client) -> None:
    *_, result = await conversation(client, "mkdir d; cd d; rmdir ../d; X=1", "echo $X; pwd")

    assert "1\n/work\n" in text_of(result)
    assert "this starts in /work, for there is no longer /work/d" in text_of(result)


async def test_a_time_limit_keeps_what_the_shell_had(client: Client) -> None:
    [first] = await conversation(client, "X=1")
    session = {"session_id": record_of(first)["session_id"]}
    slow = {"command": "X=2; cd /usr; sleep 30", "timeout": 0.5, **session}
    limited = await client.call_tool("execute_bash", slow)
    after = await client.call_tool("execute_bash", {"command": "echo $X $PWD", **session})

    assert "Variables are kept." in text_of(limited)
    assert text_of(after).startswith("2 /usr\n")
