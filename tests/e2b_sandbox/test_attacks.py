"""The attacks of `tests/security` on a sandbox in a machine of E2B."""

from __future__ import annotations

from security.conftest import lasting, target
from security.test_claims import *
from security.test_disk import *
from security.test_files import *
from security.test_forgery import *
from security.test_poison import *
from security.test_privileges import *
from security.test_processes import *
from security.test_sockets import *
from security.test_system_calls import *
from security.test_time_limit import *
from security.test_view import *

__all__ = ["lasting", "target"]
