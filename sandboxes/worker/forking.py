"""Fork checkpoints of a worker, and collect the children of its process."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import warnings

LIBC = ctypes.PyDLL(None, use_errno=True)


def collect(pids: list[int]) -> None:
    """Wait for children that the supervisor has killed: zombies count against the limit.

    Children that a Popen stands for are waited for through it, so that it knows how they ended.
    """
    subprocess = sys.modules.get("subprocess")
    if subprocess is not None:
        for thing in gc.get_objects():
            if type(thing) is subprocess.Popen and thing.pid in pids:
                thing.poll()
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass  # it is no child of ours, or was collected above


def fork_sibling() -> int:
    """Fork a child of our parent, so that foreign code that waits for its children finds none.

    Raises:
        OSError: The process limit is reached.
    """
    address = ctypes.c_ulong()
    known = LIBC.prctl(PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) == 0
    number = CLONE.get(os.uname().machine)
    if not known or number is None or threading.active_count() > 1:
        return fork_twice()
    # This is glibc's fork with another parent, and without its handlers for the locks of malloc,
    # which no thread can hold: there is no other.
    flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | signal.SIGCHLD
    tid = ctypes.c_ulong(address.value)
    none = ctypes.c_ulong(0)
    # On aarch64 the last two arguments, tls and child_tid, are swapped.
    rest = (none, tid) if os.uname().machine == "aarch64" else (tid, none)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = LIBC.syscall(ctypes.c_long(number), ctypes.c_ulong(flags), none, none, *rest)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    return pid


def fork_twice() -> int:
    """Do the same with two forks, for a process with threads; the first child exits at once.

    Native libraries notice the ordinary fork, and start their threads again in the child.

    Raises:
        OSError: The process limit is reached.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and later warn of fork() in a process with threads, hence the two forks.
        warnings.simplefilter("ignore")
        first = os.fork()
    if first == 0:
        second = -1
        try:
            second = os.fork()
        except OSError:
            pass
        if second == 0:
            os.close(reader)
            os.close(writer)
            return 0
        if second > 0:
            # Before the supervisor knows of it and stops it: gVisor sends SIGHUP to a process group
            # that has a stopped member whenever another member ends.
            os.setpgid(second, second)
        os.write(writer, str(second).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(first, 0)
    pid = int(os.read(reader, 20) or b"-1")
    os.close(reader)
    return pid


PR_GET_TID_ADDRESS = 40  # include/uapi/linux/prctl.h
CLONE_PARENT = 0x8000  # include/uapi/linux/sched.h, as are the next two
CLONE_CHILD_CLEARTID = 0x200000
CLONE_CHILD_SETTID = 0x1000000
CLONE = {"x86_64": 56, "aarch64": 220}  # arch/x86/entry/syscalls, include/uapi/asm-generic
