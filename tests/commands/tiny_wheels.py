"""A bellglass that nobody has prepared, and wheels with nothing in them for it to install."""

import base64
import hashlib
import sysconfig
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

from bellglass.sandboxes.setup.package_set import PackageSet

COMMAND = ("-P", "-m", "bellglass.server.cli")

_MODULES = {"scikit-learn": "sklearn", "pillow": "PIL", "ipython": "IPython"}


def tiny_wheels(folder: Path, names: Iterable[str] = PackageSet().required) -> Path:
    """Write a wheel of each package, with its module in it; return the folder."""
    folder.mkdir(exist_ok=True)
    for name in names:
        _write(folder, name.replace("-", "_"), _MODULES.get(name, name))
    return folder


def unprepared(folder: Path) -> str:
    """Make an environment that has what this one has, but no packages for sandboxes.

    Returns its interpreter, which runs bellglass with the arguments COMMAND.
    """
    venv.create(folder, with_pip=False)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "of_the_tests.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    return str(folder / "bin/python")


def _write(folder: Path, name: str, module: str) -> None:
    info = f"{name}-1.0.dist-info"
    files = {
        f"{module}.py": "tiny = True\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
