"""What a process of the session does to be saved, and to be revived."""

from __future__ import annotations

import fcntl
import glob
import importlib
import io
import json
import os
import shlex
import shutil
import struct
import sys
import tarfile
import termios
import time
from typing import IO, Any, cast

from bellglass.sandboxes.common.packages import LIBRARY
from bellglass.sandboxes.saving.inside import places, session_files, variables
from bellglass.sandboxes.saving.inside.stream import Reader, Writer

PIPE_BYTES = 1 << 20

MAX_LOST = 200
"""Variables that cannot be kept, of which a summary tells."""


# --- saving, in a fork of the worker


def save(namespace: dict[str, Any], max_bytes: int) -> None:
    """Write the archive of the session to the pipe, and wait until it has been read."""
    pipe = _opened_pipe()
    out = Writer(lambda data: _write(pipe, data))
    lost: list[variables.Lost] = []
    tries = _Tries()
    with tarfile.open(fileobj=cast("IO[bytes]", out), mode="w") as archive:
        vars(archive)["copybufsize"] = PIPE_BYTES
        files, left_out = session_files.add_all(archive, max_bytes)
        _add(archive, places.SHELL, _shell())
        _add(archive, places.REQUIREMENTS, _requirements())
        kept = 0
        for number, item in enumerate(
            variables.values(namespace, lambda: max_bytes - out.written, tries.begin)
        ):
            if isinstance(item, variables.Lost):
                lost.append(item)
                continue
            kept += len(item.names)
            sizes = [part.nbytes for part in item.parts]
            header = json.dumps({"names": item.names, "kind": item.kind, "sizes": sizes})
            content = [memoryview(f"{header}\n".encode()), *item.parts]
            info = archive.tarinfo(f"{places.VARIABLES}/{number:06}")
            info.size = sum(part.nbytes for part in content)
            archive.addfile(info, cast("IO[bytes]", _Parts(content)))
        summary = {
            "files": files,
            "left_out": left_out[:MAX_LOST],
            "variables": kept,
            "lost": lost[:MAX_LOST],
            "modules": variables.modules(namespace),
            "directory": os.getcwd(),
        }
        _add(archive, places.SUMMARY, json.dumps(summary).encode())
    out.finish()
    _wait_until_read(pipe)
    tries.forget()
    open(places.DONE, "w").close()


class _Parts:
    """Several buffers as one file."""

    def __init__(self, parts: list[memoryview]) -> None:
        self._parts = [part.cast("B") for part in parts if part.nbytes]

    def read(self, size: int) -> bytearray:
        data = bytearray()
        while self._parts and len(data) < size:
            piece = self._parts[0][: size - len(data)]
            data += piece
            self._parts[0] = self._parts[0][len(piece) :]
            if not self._parts[0]:
                self._parts.pop(0)
        return data


def _opened_pipe() -> int:
    """Make the pipe; return a descriptor that neither waits for its other end nor sees it close."""
    os.makedirs(places.SCRATCH, mode=0o700, exist_ok=True)
    hidden = f"{places.PIPE}.new"
    os.mkfifo(hidden, 0o600)
    pipe = os.open(hidden, os.O_RDWR)
    try:
        fcntl.fcntl(pipe, 1031, PIPE_BYTES)  # F_SETPIPE_SZ of include/uapi/linux/fcntl.h
    except OSError:
        pass  # it stays smaller, and slower
    os.rename(hidden, places.PIPE)
    return pipe


def _write(pipe: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(pipe, left) :]


def _wait_until_read(pipe: int) -> None:
    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]:
        time.sleep(0.001)


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    info = archive.tarinfo(path)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _shell() -> bytes:
    """Return Bash code with what the session's shell had, without what any shell here begins with.

    Another sandbox may have its programs elsewhere.
    """
    lines = []
    try:
        with open(places.ENVIRONMENT, "rb") as file:
            for entry in os.fsdecode(file.read()).split("\0"):
                name, _, value = entry.partition("=")
                ours = name in ("PWD", "OLDPWD", "SHLVL", "_")
                if name.isidentifier() and not ours and os.environ.get(name) != value:
                    lines.append(f"export {name}={shlex.quote(value)}\n")
        with open(places.SHELL, "rb") as file:
            return os.fsencode("".join(lines)) + file.read()
    except OSError:
        return b""


def _requirements() -> bytes:
    """Return what the session has installed, by name and version, as pip reads it."""
    if not os.path.isdir(LIBRARY):
        return b""
    from importlib.metadata import distributions

    found = {f"{each.metadata['Name']}=={each.version}" for each in distributions(path=[LIBRARY])}
    return "".join(f"{line}\n" for line in sorted(found)).encode()


# --- reviving: first in a fork of the worker, then in the worker itself


def unpack() -> None:
    """Read an archive from the pipe: files to their places, all else to where `load` finds it."""
    shutil.rmtree(places.SCRATCH, ignore_errors=True)
    os.makedirs(places.VARIABLES, mode=0o700)
    pipe = open(_opened_pipe(), "rb", PIPE_BYTES)  # noqa: SIM115 - it is open as long as we are
    reader = Reader(pipe.read)
    with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|", bufsize=PIPE_BYTES) as archive:
        for info in archive:
            if info.name.startswith(session_files.PREFIX):
                session_files.extract(archive, info)
                continue
            content = archive.extractfile(info)
            assert content is not None
            with open(f"/{info.name.lstrip('/')}", "wb") as file:
                shutil.copyfileobj(content, file, PIPE_BYTES)
    reader.drain()
    open(places.DONE, "w").close()


def load(namespace: dict[str, Any]) -> None:
    """Load the variables into the session, and print what came back, as JSON."""
    with open(places.SUMMARY, encoding="utf-8") as file:
        summary = json.load(file)
    lost = [variables.Lost(*each) for each in summary["lost"]]
    tries = _Tries()
    with open(os.devnull, "w") as nowhere:
        out, sys.stdout = sys.stdout, nowhere
        try:
            os.chdir(summary["directory"])
        except OSError:
            pass
        try:
            for name, module in summary["modules"].items():
                try:
                    with variables.bounded_time():
                        namespace[name] = importlib.import_module(module)
                except BaseException as exc:
                    lost.append(variables.Lost(name, f"module {module}", type(exc).__name__))

            for path in sorted(glob.glob(f"{places.VARIABLES}/*")):
                failed = variables.load(path, namespace, tries.begin)
                os.unlink(path)
                lost += failed
                summary["variables"] -= len(failed)
        finally:
            sys.stdout = out
    report = {
        "files": summary["files"],
        "left_out": summary["left_out"],
        "variables": summary["variables"],
        "lost": lost[:MAX_LOST],
        "not_installed": _text(places.NOT_INSTALLED).split(),
    }
    sys.stdout.write(json.dumps(report))
    shutil.rmtree(places.SCRATCH, ignore_errors=True)
    tries.forget()


class _Tries:
    """Values whose saving or loading has ended an earlier process like this one."""

    def __init__(self) -> None:
        last = _text(places.TRYING)
        with open(places.FAILED, "a", encoding="utf-8") as file:
            file.write(last)
        self._failed = [json.loads(line) for line in _text(places.FAILED).splitlines()]

    def begin(self, names: list[str]) -> bool:
        """Note that a value is next; tell if it is to be tried."""
        with open(places.TRYING, "w", encoding="utf-8") as file:
            if names not in self._failed:
                file.write(f"{json.dumps(names)}\n")
        return names not in self._failed

    def forget(self) -> None:
        """Note that this process has tried all of them."""
        _remove(places.TRYING)
        _remove(places.FAILED)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
