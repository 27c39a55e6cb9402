"""`bellglass sessions`: what is saved is listed and deleted, without a server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from bellglass.sandboxes.saving.store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path


def bellglass(store: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bellglass.server.cli", "sessions", *arguments],
        env={**os.environ, "BELLGLASS_STORE": str(store)},
        capture_output=True,
        text=True,
        check=False,
    )


def put(store: SessionStore, session_id: str) -> None:
    draft = store.begin(session_id, None, 0.0, 3)
    draft.write(bytes(1_000_000))
    draft.keep()
    draft.drop()


def test_saved_sessions_are_listed_and_deleted_by_id_or_name(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    put(store, "0123456789")
    put(store, "9876543210")

    listed = bellglass(tmp_path).stdout.splitlines()
    by_id = bellglass(tmp_path, "rm", "0123456789")
    left = bellglass(tmp_path).stdout.splitlines()
    by_name = bellglass(tmp_path, "rm", left[0].split()[0])

    assert len(listed) == 3
    assert "3 calls, 1.0 MB" in listed[0]
    assert not any("0123456789" in line or "9876543210" in line for line in listed)
    assert (by_id.returncode, by_name.returncode) == (0, 0)
    assert len(left) == 2
    assert list(store.listed()) == []


def test_an_unknown_name_and_no_store_are_told(tmp_path: Path) -> None:
    unknown = bellglass(tmp_path, "rm", "0123456789")
    nowhere = bellglass("")

    assert unknown.returncode != 0
    assert "no session of this name is saved" in unknown.stderr
    assert "BELLGLASS_STORE is empty" in nowhere.stderr
