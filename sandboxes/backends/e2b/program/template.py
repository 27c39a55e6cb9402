"""A template with our program and its packages inside, made by the SDK's own builder.

In a machine of such a template a session starts without the program being sent or compiled.
"""

from __future__ import annotations

import inspect
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.e2b.errors import from_exception
from bellglass.sandboxes.backends.e2b.program.command import (
    FOLDER,
    compiled,
    name_in_template,
    sources,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint

_PROGRAM = "bellglass-program"

_PIP = "PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1"


async def build(
    endpoint: Endpoint,
    name: str,
    packages: Sequence[str],
    optional: Sequence[str],
    tell: Callable[[str], None],
) -> None:
    """Build template `name` from the endpoint's; `tell` gets each step as the engine logs it.

    `packages` have to install; without `optional` ones a session lacks something and works.

    Raises:
        E2BError: There is no such template now; why, in words.
    """
    what = "build the template"

    def log(entry: Any) -> None:
        tell(str(entry.message))

    with TemporaryDirectory(prefix="bellglass-template-") as folder:
        (Path(folder) / _PROGRAM).write_bytes(sources())
        builder = endpoint.templates()
        template = builder(file_context_path=folder).from_template(endpoint.template)
        template = template.copy(_PROGRAM, f"/tmp/{_PROGRAM}", user="root")
        for command in commands(packages, optional):
            template = template.run_cmd(command, user="root")
        try:
            await builder.build(template, name, on_build_logs=log)
        except Exception as exc:
            raise from_exception(exc, what, endpoint.secrets) from None


def commands(packages: Sequence[str], optional: Sequence[str]) -> list[str]:
    """Return what is run in the template, as root, once our program lies in /tmp."""
    pip = f"{_PIP} python3 -m pip install --quiet"
    return [
        _by_login(f"{pip} {shlex.join(packages)}"),
        # Only what is built: a source might fetch programs by itself.
        *(
            _by_login(f"{pip} --only-binary :all: {shlex.quote(name)} || echo 'without {name}'")
            for name in optional
        ),
        _by_login(shlex.join(["python3", "-I", "-c", _placing(), f"/tmp/{_PROGRAM}"])),
    ]


def _by_login(command: str) -> str:
    """Have a login shell run `command`: sessions take the python3 that such a one finds."""
    return shlex.join(["bash", "-l", "-c", command])


def _placing() -> str:
    """Return program text that compiles our program and puts it where sessions look for it."""
    return (
        "from __future__ import annotations\n"
        f"{inspect.getsource(compiled)}\n"
        "import os, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    data = compiled(file.read())\n"
        f"os.makedirs({FOLDER!r}, exist_ok=True)\n"
        f"path = f'{FOLDER}/{name_in_template()}{{sys.implementation.cache_tag}}'\n"
        "with open(path + '.new', 'wb') as file:\n"
        "    file.write(data)\n"
        "os.replace(path + '.new', path)\n"
        "os.unlink(sys.argv[1])\n"
    )
