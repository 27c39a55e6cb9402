"""`python -m bellglass.sandboxes.setup`: install the packages, for a server that has none."""

import sys

from bellglass.sandboxes.setup.install import SetupFailed, install
from bellglass.sandboxes.setup.package_set import NotARequirement, kept

if __name__ == "__main__":
    try:
        install(kept(), tell=lambda line: None)
    except (NotARequirement, SetupFailed) as exc:
        sys.exit(str(exc))
