"""Uids of sandboxes: no two sandboxes share one at a time, whichever server makes them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.backends.embedded.uids import Uids

if TYPE_CHECKING:
    from pathlib import Path

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
FIRST = 65_470 - 64 * WORKER
"""Workers beside this one run processes of these users too."""
FEW = range(FIRST, FIRST + 4)
MANY = range(FIRST, FIRST + 64)
"""No process of this machine has one: sandboxes of other tests take theirs of `UIDS`."""


@pytest.fixture
def uids(tmp_path: Path) -> Uids:
    uids = Uids(FEW, tmp_path)
    assert uids.open()
    return uids


async def test_no_two_sandboxes_have_the_same_one(uids: Uids) -> None:
    async with uids.taken() as one, uids.taken() as two:
        assert one != two
        assert {one, two} < set(FEW)
    uids.close()


async def test_one_that_is_given_back_is_taken_again(uids: Uids) -> None:
    seen = set()
    for _ in range(3 * len(FEW)):
        async with uids.taken() as uid:
            seen.add(uid)
    uids.close()

    assert seen == set(FEW)


async def test_another_server_has_others_until_the_first_has_ended(
    uids: Uids, tmp_path: Path
) -> None:
    another = Uids(FEW, tmp_path)
    async with uids.taken():
        with pytest.raises(LaunchFailed, match="all 4 are in use"):
            async with another.taken():
                pass
    uids.close()

    async with another.taken() as uid:
        assert uid in FEW
    another.close()


async def test_a_server_keeps_few_of_those_that_ended_to_itself(tmp_path: Path) -> None:
    busy, another = Uids(MANY, tmp_path), Uids(MANY, tmp_path)
    async with contextlib.AsyncExitStack() as places:
        for _ in MANY:
            await places.enter_async_context(busy.taken())

    async with contextlib.AsyncExitStack() as places:
        for _ in range(len(MANY) // 2):
            await places.enter_async_context(another.taken())
    busy.close()
    another.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes of other users")
async def test_one_that_a_process_still_has_is_passed_over(uids: Uids) -> None:
    left = subprocess.Popen(["sleep", "60"], user=FEW[1], group=FEW[1])  # noqa: ASYNC220
    try:
        seen = set()
        for _ in range(3 * len(FEW)):
            async with uids.taken() as uid:
                seen.add(uid)
    finally:
        left.kill()
        left.wait()
    uids.close()

    assert seen == set(FEW) - {FEW[1]}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes of other users")
async def test_sandboxes_that_are_yet_ending_keep_no_new_one_out(tmp_path: Path) -> None:
    uids = Uids(MANY, tmp_path)
    had: set[int] = set()
    ending: list[subprocess.Popen[bytes]] = []
    try:
        async with contextlib.AsyncExitStack() as places:
            for _ in range(16):
                uid = await places.enter_async_context(uids.taken())
                had.add(uid)
                ending.append(subprocess.Popen(["sleep", "60"], user=uid, group=uid))  # noqa: ASYNC220
        async with uids.taken() as one:
            assert one not in had
    finally:
        for process in ending:
            process.kill()
            process.wait()
    uids.close()


async def test_without_a_place_for_locks_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert not Uids(FEW, tmp_path / "file" / "uids").open()
