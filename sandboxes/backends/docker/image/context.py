"""The build context: the Dockerfile, the list of packages, and wheels."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import IO, TYPE_CHECKING

from bellglass.sandboxes.backends.docker.image import BASE, IMAGE

if TYPE_CHECKING:
    from pathlib import Path

_SENT = ("Dockerfile", "requirements.txt")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The parameters of a build."""

    tag: str = IMAGE
    base: str = BASE
    wheels: Path | None = None
    """A directory of wheels for the Python of the base; if given, nothing is downloaded."""

    def context(self) -> IO[bytes]:
        """Return an archive of the build context, positioned at its start."""
        archive = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name in _SENT:
                content = _read(name)
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, BytesIO(content))
            for wheel in sorted(self.wheels.glob("*.whl")) if self.wheels else []:
                tar.add(wheel, f"wheels/{wheel.name}")
        archive.seek(0)
        return archive


def recipe_digest() -> str:
    """Return a digest of the Dockerfile and the list of packages."""
    digest = hashlib.sha256()
    for name in _SENT:
        digest.update(_read(name))
    return digest.hexdigest()[:16]


def packages() -> list[str]:
    """Return the names of the packages that the image has."""
    lines = _read("requirements.txt").decode().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _read(name: str) -> bytes:
    return files("bellglass.sandboxes.backends.docker.image").joinpath(name).read_bytes()
