"""The program text of an interpreter that makes sandboxes; this module can be imported anywhere."""

from __future__ import annotations

from bellglass.sandboxes.bundle import LOADER

BOOT = f"""\
import os, sys
bundle = int(sys.argv[1])
data = os.pread(bundle, os.fstat(bundle).st_size, 0)
{LOADER}
from bellglass.sandboxes.backends.embedded.inside import start
start.main(bundle, *sys.argv[2:])
"""
"""Program text for `python -I -c BOOT BUNDLE STAGE CONFIG`; BUNDLE is a descriptor."""
