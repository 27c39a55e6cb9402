"""What a sandbox could lock on the host: no database of a package manager is in its view."""

from __future__ import annotations

import json
import subprocess
import sys

from absent import need

BUILD = """
import json, os
from bellglass.sandboxes.backends.embedded.inside import plan, rootfs

made = plan.Plan(
    [("/usr/lib", "/usr/lib")], [], [], "python", "", None, covered=["/usr/lib/locale"]
)
rootfs.enter(made, own_proc=False)

def attempt(path):
    try:
        os.mkdir(path)
    except OSError as exc:
        return exc.strerror

print(json.dumps([os.listdir("/usr/lib/locale"), len(os.listdir("/usr/lib")) > 1,
                  attempt("/usr/lib/locale/x")]))
"""


def test_what_is_covered_is_empty_and_cannot_be_written_to() -> None:
    need("unshare", "util-linux")
    answer = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", BUILD],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(answer.stdout) == [[], True, "Read-only file system"]
