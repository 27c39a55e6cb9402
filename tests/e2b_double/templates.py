"""The part of the control plane that builds templates, after spec/openapi.yml of e2b-dev/infra.

Steps are run on this machine, as commands of a machine are; what they would put at its root goes
where the test wants it.
"""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from e2b_double.engine import Engine


@dataclass
class Build:
    """One build of a template."""

    name: str
    status: str = "waiting"
    entries: list[dict[str, Any]] = field(default_factory=list)
    failure: dict[str, str] | None = None
    request: dict[str, Any] = field(default_factory=dict)

    def log(self, message: str, level: str = "info") -> None:
        moment = datetime.now(UTC).isoformat()
        self.entries.append({"timestamp": moment, "level": level, "message": message})


class Templates:
    """Builds, and the files for them by hash."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._files: dict[str, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def request(self, request: Request) -> Response:
        name = (await request.json())["name"]
        number = f"b{len(self._engine.builds)}"
        self._engine.builds[number] = Build(name)
        answer = {"templateID": f"t-{name}", "buildID": number, "public": False}
        return JSONResponse({**answer, "names": [name], "tags": [], "aliases": [name]}, 202)

    async def link(self, request: Request) -> Response:
        """Say where to put a file, if it is not here yet."""
        digest = request.path_params["hash"]
        url = f"{request.url.scheme}://{request.url.netloc}/upload/{digest}"
        return JSONResponse({"present": digest in self._files, "url": url}, 201)

    async def upload(self, request: Request) -> Response:
        """Take a file. Its address is all that it needs, as that of an object store."""
        self._files[request.path_params["hash"]] = await request.body()
        return Response()

    async def start(self, request: Request) -> Response:
        build = self._engine.builds[request.path_params["build"]]
        build.request = await request.json()
        build.status = "building"
        task = asyncio.create_task(self._run(build))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(status_code=202)

    async def status(self, request: Request) -> Response:
        build = self._engine.builds[request.path_params["build"]]
        offset = int(request.query_params.get("logsOffset", 0))
        answer = {
            "templateID": request.path_params["id"],
            "buildID": request.path_params["build"],
            "status": build.status,
            "logs": [],
            "logEntries": build.entries[offset : offset + 100],
        }
        if build.failure:
            answer["reason"] = build.failure
        return JSONResponse(answer)

    async def _run(self, build: Build) -> None:
        base = build.request.get("fromTemplate")
        if base not in self._engine.templates:
            build.failure = {"message": f"template '{base}' not found", "step": "base"}
            build.status = "error"
            return
        with tempfile.TemporaryDirectory(prefix="e2b-double-") as home:
            for number, step in enumerate(build.request["steps"], 1):
                build.log(f"[{number}/{len(build.request['steps'])}] {step['type']}")
                if step["type"] == "COPY":
                    failed = await asyncio.to_thread(self._copy, step, home)
                else:
                    failed = await self._command(build, step["args"][0], home)
                if failed:
                    build.failure = {"message": failed, "step": str(number)}
                    build.status = "error"
                    return
        self._engine.templates.append(build.name)
        build.status = "ready"

    def _copy(self, step: dict[str, Any], home: str) -> str:
        source, target = step["args"][:2]
        with tarfile.open(fileobj=io.BytesIO(self._files[step["filesHash"]])) as archive:
            member = archive.extractfile(source)
            assert member is not None
            Path(self._placed(target, home)).write_bytes(member.read())
        return ""

    async def _command(self, build: Build, command: str, home: str) -> str:
        profile = f"export PATH='{self._engine.path}'\n"
        await asyncio.to_thread(Path(home, ".bash_profile").write_text, profile)
        process = await asyncio.create_subprocess_shell(
            self._placed(command, home),
            env={**os.environ, "HOME": home},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        for line in said.decode(errors="replace").splitlines():
            build.log(line)
        return f"command failed with exit status {process.returncode}" if process.returncode else ""

    def _placed(self, text: str, home: str) -> str:
        """Name the places that a step names as they are here."""
        return self._engine.placed(text.replace("/tmp/", f"{home}/"))
