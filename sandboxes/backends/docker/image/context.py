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
from bellglass.sandboxes.setup import package_set

if TYPE_CHECKING:
    from pathlib import Path


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
            for name, content in _sent().items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, BytesIO(content))
            for wheel in sorted(self.wheels.glob("*.whl")) if self.wheels else []:
                tar.add(wheel, f"wheels/{wheel.name}")
        archive.seek(0)
        return archive


def recipe_digest() -> str:
    """Return a digest of the Dockerfile and the list of packages."""
    return hashlib.sha256(b"".join(_sent().values())).hexdigest()[:16]


def _sent() -> dict[str, bytes]:
    """Return the content of the files of a build, by name."""
    folder = files("bellglass.sandboxes.backends.docker.image")
    return {
        "Dockerfile": folder.joinpath("Dockerfile").read_bytes(),
        "requirements.txt": package_set.kept().as_file().encode(),
    }
