"""A small server that speaks E2B's protocol, for tests: IT IS NO SANDBOX.

What it is told to run are processes of this machine, with the rights of who started it. It listens
on the loopback only. It speaks the REST interface of the control plane and, as Connect with JSON,
the process service of envd; the real SDK is its only client, and no code is shared with it.
"""

from e2b_double.engine import KEY, Engine
from e2b_double.faults import Fault
from e2b_double.front import Front
from e2b_double.server import WARNING, Double
from e2b_double.wire import Wire

__all__ = ["KEY", "WARNING", "Double", "Engine", "Fault", "Front", "Wire"]
