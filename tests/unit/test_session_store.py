"""The folder of saved sessions: whole or not at all, private, bounded, and never opened."""

from __future__ import annotations

import errno
import os
import stat
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.saving.store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path

ID = "0123456789"


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "state" / "sessions")


def put(store: SessionStore, session_id: str, data: bytes, owner: str | None = None) -> None:
    draft = store.begin(session_id, owner, 0.0, 1)
    try:
        draft.write(data)
        draft.keep()
    finally:
        draft.drop()


def content(store: SessionStore, session_id: str = ID) -> bytes | None:
    stored = store.find(session_id, None)
    return None if stored is None else b"".join(stored.pieces())


def test_what_was_saved_is_found_by_its_id_and_by_its_owner_only(store: SessionStore) -> None:
    put(store, ID, b"archive", owner="ann")

    found = store.find(ID, "ann")
    assert found is not None
    assert b"".join(found.pieces()) == b"archive"
    assert store.find(ID, "bob") is None
    assert store.find(ID, None) is None
    assert store.find("9876543210", "ann") is None


def test_only_the_user_of_the_server_can_read_it_and_no_id_is_on_disk(store: SessionStore) -> None:
    put(store, ID, b"archive", owner="ann")

    (path,) = store.folder.iterdir()
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ID not in path.name
    assert ID.encode() not in path.read_bytes()
    assert b"ann" not in path.read_bytes()


def test_a_save_that_breaks_off_leaves_what_was_saved_before(store: SessionStore) -> None:
    put(store, ID, b"old")

    draft = store.begin(ID, None, 0.0, 2)
    draft.write(b"half")
    seen_meanwhile = content(store)
    draft.drop()

    assert (seen_meanwhile, content(store)) == (b"old", b"old")
    assert len(list(store.folder.iterdir())) == 1


def test_what_a_killed_server_was_writing_goes_after_an_hour(store: SessionStore) -> None:
    put(store, ID, b"old")
    draft = store.begin(ID, None, 0.0, 2)
    (part,) = store.folder.glob("*.part")

    os.utime(part, (1, time.time() - 3_700))
    put(store, "9876543210", b"another")

    assert not part.exists()
    assert content(store) == b"old"
    draft.drop()


def test_a_full_disk_leaves_what_was_saved_before(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, ID, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            put(store, ID, b"new")

    assert content(store) == b"old"
    assert len(list(store.folder.iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"\x80\n", b'{"version":' + b"9" * 9_000])
def test_a_damaged_file_is_none(store: SessionStore, damage: bytes) -> None:
    put(store, ID, b"archive")
    (path,) = store.folder.iterdir()

    path.write_bytes(damage)

    assert content(store) is None
    assert list(store.listed()) == []


def test_the_oldest_go_first_and_the_new_one_stays(tmp_path: Path) -> None:
    store = SessionStore(tmp_path, max_bytes=2_500)
    for number, name in enumerate(("a" * 10, "b" * 10)):
        put(store, name, b"x" * 1_000)
        found = store.find(name, None)
        assert found is not None
        os.utime(found.path, (number, number + 2e9))

    put(store, "c" * 10, b"x" * 1_000)

    assert [content(store, letter * 10) is not None for letter in "abc"] == [False, True, True]


def test_what_is_too_old_is_deleted_and_never_found(tmp_path: Path) -> None:
    put(SessionStore(tmp_path), ID, b"archive")
    (path,) = tmp_path.iterdir()
    os.utime(path, (1, 1))

    store = SessionStore(tmp_path, max_seconds=-1)
    assert store.find(ID, None) is None

    store.trim()
    assert list(tmp_path.iterdir()) == []


def test_of_two_servers_only_one_goes_on_with_a_session(store: SessionStore) -> None:
    put(store, ID, b"archive")
    other = SessionStore(store.folder)

    mine = store.claim(ID)
    assert mine is not None
    assert other.claim(ID) is None

    os.close(mine)
    theirs = other.claim(ID)
    assert theirs is not None
    os.close(theirs)


def test_a_thousand_saved_sessions_take_no_memory(store: SessionStore) -> None:
    store.folder.mkdir(parents=True)
    put(store, ID, b"archive")
    (path,) = store.folder.iterdir()
    record = path.read_bytes()
    for number in range(1_000):
        (store.folder / f"{number:032x}.session").write_bytes(record)

    tracemalloc.start()
    count = sum(1 for _ in store.listed())
    store.trim()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 1_001
    assert kept < 100_000
