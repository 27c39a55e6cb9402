"""Parts of the package index on their own: forms of pages, the folder of files, the settings."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from network.support import kept

from bellglass.sandboxes.egress import simple
from bellglass.sandboxes.egress.cache import Cache
from bellglass.server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "a" * 64

PAGE = f"""<!DOCTYPE html><html><head><base href="https://files.example/x/"></head><body>
<a href="A-1.0-py3-none-any.whl#sha256={DIGEST}" data-requires-python="&gt;=3.9"
   data-core-metadata="sha256={"b" * 64}">A-1.0-py3-none-any.whl</a>
<a href="../A-0.9.tar.gz#sha256={DIGEST}" data-yanked="broken &lt;b&gt;">A-0.9.tar.gz</a>
<a href="A-0.8.tar.gz#md5=00">A-0.8.tar.gz</a> <a href="A-0.7.tar.gz">A-0.7.tar.gz</a>
<a href="%2e%2e%2fpasswd.whl#sha256={DIGEST}">x</a> <a>nothing</a>
<script>alert(1)</script></body></html>"""


def test_both_forms_of_a_page_say_the_same_and_only_what_can_be_verified() -> None:
    files = simple.read(PAGE.encode(), "text/html", "https://index.example/simple/a/")
    as_html = simple.written("a", files, "text/html")
    as_json = simple.written("a", files, simple.ACCEPTED)
    again = [
        simple.read(body, kind, "http://127.0.0.1:3128/simple/a/")
        for kind, body in (as_html, as_json)
    ]

    assert [(file.name, file.url) for file in files] == [
        ("A-1.0-py3-none-any.whl", "https://files.example/x/A-1.0-py3-none-any.whl"),
        ("A-0.9.tar.gz", "https://files.example/A-0.9.tar.gz"),
    ]
    assert (files[0].requires_python, files[0].metadata_sha256) == (">=3.9", "b" * 64)
    assert files[1].yanked == "broken <b>"
    assert again[0] == again[1]
    assert again[0][0].url == "http://127.0.0.1:3128/files/a/A-1.0-py3-none-any.whl"
    assert [file.yanked for file in again[0]] == [None, "broken <b>"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"files": 1}', b'{"files": [1]}', b"\xff"])
def test_a_page_that_is_none_is_an_error_that_is_expected(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        simple.read(body, "application/json", "http://index.example/")


async def store(cache: Cache, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    writing = await cache.new(digest)
    await writing.write(content)
    await writing.keep()
    return digest


async def test_the_longest_unused_goes_first_and_what_never_ended_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 2_500)
    first, second = await store(cache, b"1" * 1000), await store(cache, b"2" * 1000)
    for number, digest in enumerate((second, first)):
        os.utime(tmp_path / digest[:2] / digest, (1_000 + number, 1_000 + number))
    left = tmp_path / "ab" / "x.part"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"left")
    os.utime(left, (1_000, 1_000))
    current = await cache.new("c" * 64)

    third = await store(cache, b"3" * 1000)

    assert {file.name for file in kept(tmp_path) if file.suffix != ".part"} == {first, third}
    assert not left.exists()
    assert len(kept(tmp_path)) == 3
    await current.drop()
    assert len(kept(tmp_path)) == 2


async def test_a_file_larger_than_the_folder_is_not_kept(tmp_path: Path) -> None:
    assert await Cache(tmp_path, 100).open(await store(Cache(tmp_path, 100), b"x" * 101)) is None
    assert kept(tmp_path) == []


async def test_two_servers_may_write_the_same_file_at_once(tmp_path: Path) -> None:
    one, two = Cache(tmp_path, 10**6), Cache(tmp_path, 10**6)
    content = b"same" * 1000
    digest = hashlib.sha256(content).hexdigest()
    writings = [await cache.new(digest) for cache in (one, two)]
    for writing in writings:
        await writing.write(content)
    for writing in writings:
        await writing.keep()

    found = await one.open(digest)

    assert found is not None
    with found:
        assert found.read() == content
    assert len(kept(tmp_path)) == 1


async def test_a_pipe_in_the_place_of_a_file_does_not_hold_anybody_up(tmp_path: Path) -> None:
    path = tmp_path / "cc" / ("c" * 64)
    path.parent.mkdir()
    os.mkfifo(path)
    threads = threading.active_count()

    with anyio.fail_after(20):
        assert await Cache(tmp_path, 100).open("c" * 64) is None
    assert threading.active_count() <= threads + 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"NETWORK": "all"}, "BELLGLASS_NETWORK='all'"),
        ({"NETWORK_HOSTS": "a.example"}, "BELLGLASS_NETWORK other than"),
        ({"NETWORK": "open", "NETWORK_HOSTS": "http://a.example"}, "names like example.org"),
        ({"NETWORK": "packages", "PACKAGE_INDEX": "pypi"}, "be a URL with http"),
        ({"NETWORK": "packages", "PACKAGE_CACHE_MB": "-1"}, "BELLGLASS_PACKAGE_CACHE_MB"),
    ],
)
def test_settings_that_mean_nothing_stop_the_start(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_environ({f"BELLGLASS_{name}": value for name, value in settings.items()})
