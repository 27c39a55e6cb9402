"""Hosts that sessions reach, on every backend: packages, listed hosts, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.support import Page, bash, file_name, kept, network, publish, python, wheel

if TYPE_CHECKING:
    from pathlib import Path

    from network.conftest import Opened
    from network.support import Web


async def test_packages_are_installed_and_are_the_sessions_own(
    opened: Opened, index: Web, tmp_path: Path
) -> None:
    publish(index, "alpha", wheel("alpha", text="value = 41", script=True))
    for again in (False, True):
        async with opened(network("packages", index=index, cache=tmp_path)) as session:
            before = await python(session, "import alpha")
            # In a full /tmp, which is smaller than many a package.
            full = "cat /dev/zero > /tmp/full 2>/dev/null; "
            installed = await bash(session, f"{full} pip install alpha && rm /tmp/full && alpha")
            imported = await python(session, "import alpha, subprocess, sys\nalpha.value + 1")
            listed = await python(
                session,
                "subprocess.run([sys.executable, '-m', 'pip', 'uninstall', '-y', 'alpha'], "
                "capture_output=True, text=True).returncode",
            )
            after = await bash(session, "python -c 'import alpha'")

        assert before.error is not None
        assert before.error.name == "ModuleNotFoundError"
        assert installed.status == "ok", installed
        assert installed.stdout.text.endswith("alpha 1.0\n")
        assert imported.value == "42"
        assert listed.value == "0", listed
        assert "No module named 'alpha'" in after.stderr.text
        files = [record for record in installed.network if record.file]
        assert [(each.file, each.allowed, each.cached) for each in files] == [
            (file_name("alpha"), True, again)
        ]
    assert index.paths().count(f"/f/{file_name('alpha')}") == 1


async def test_a_file_that_is_not_what_the_index_says_is_not_installed_and_not_kept(
    opened: Opened, index: Web, tmp_path: Path
) -> None:
    publish(index, "evil", wheel("evil"), promised=b"another")
    async with opened(network("packages", index=index, cache=tmp_path)) as session:
        execution = await bash(session, "python -m pip install evil; python -c 'import evil'")

    assert "No module named 'evil'" in execution.stderr.text
    assert [record.reason for record in execution.network if record.file] == [
        "its content is not what the index says it is: it was not kept"
    ]
    assert kept(tmp_path) == []


async def test_a_listed_host_answers_and_others_are_refused_by_name(
    opened: Opened, host: Web
) -> None:
    host.pages["/to"] = Page(b"", 302, {"Location": "http://169.254.169.254/latest/"})
    code = f"""
import urllib.request, urllib.error
def get(url, data=None):
    try:
        return urllib.request.urlopen(url, data, timeout=20).read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code
    except OSError as exc:
        return str(exc)
got = [get("{host.url}/"), get("{host.url}/", b"x" * 300_000), get("http://other.example/"),
       get("https://other.example/"), get("{host.url}/to"), get("http://127.0.0.1:1/")]
"""
    listed = f"127.0.0.1:{host.port}"
    async with opened(network("allow-list", listed)) as session:
        execution = await python(
            session, f"import os\nos.environ['NO_PROXY'] = os.environ['no_proxy'] = ''\n{code}got"
        )
        plain = await bash(session, f"exec 3<>/dev/tcp/127.0.0.1/{host.port}")

    assert execution.value is not None, execution
    first, second, third, fourth, fifth, sixth = eval(execution.value)
    assert (first, second, third) == ("hello from outside", "hello from outside", 403)
    assert "not in the allow-list" in fourth
    assert (fifth, sixth) == (403, 403)
    assert [len(body) for _, _, _, body in host.requests] == [0, 300_000, 0]
    assert {(v.host, v.port, v.reason) for v in execution.network if not v.allowed} == {
        ("other.example", 80, "not in the allow-list"),
        ("other.example", 443, "not in the allow-list"),
        ("169.254.169.254", 80, "not in the allow-list"),
        ("127.0.0.1", 1, "not in the allow-list"),
    }
    assert plain.status == "exit"  # the loopback of the sandbox is another
