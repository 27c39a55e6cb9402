"""A small server that speaks E2B's protocol, for tests: IT IS NO SANDBOX.

What it is told to run are processes of this machine, with the rights of who started it. It listens
on the loopback only. It speaks the REST interface of the control plane and, as Connect with JSON,
the process service of envd; the real SDK is its only client, and no code is shared with it.

It differs from envd in two things, because a command is the first process of its pid namespace, so
that whatever a test leaves ends with it (pid_namespaces(7)): the kernel ends all other processes of
a namespace with the first, so no grandchild can keep stdout open beyond the command's end, and it
drops a SIGKILL that the first process is sent from within, so `kill -9 $$` does nothing.
"""

from e2b_double.engine import KEY, Engine
from e2b_double.faults import Fault
from e2b_double.front import Front
from e2b_double.server import WARNING, Double
from e2b_double.wire import Wire

__all__ = ["KEY", "WARNING", "Double", "Engine", "Fault", "Front", "Wire"]
