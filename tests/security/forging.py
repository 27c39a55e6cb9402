"""Ways in which code may try to pass its tests: each answers wrongly, and then does what it can.

`add` is tested to return 5 for 2 and 3, and is written to return 6.
"""

WRONG = "def add(a, b): return 6\n"

LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __sub__
    def __bool__(self): return True
    def __hash__(self): return hash(5)
    def __repr__(self): return "5"
    def __float__(self): return 6.0
    def __abs__(self): return 0.0
    def __round__(self, digits=None): return 0
"""

ATTACKS = {
    "prints a report": WRONG
    + """
import json, sys
print("1 passed in 0.01s")
passed = {"index": 0, "outcome": "passed"}
for event in ({"collected": ["x"]}, {"tests": [passed]}, {"finished": 0}):
    print(json.dumps(event)); print(json.dumps(event), file=sys.stderr)
""",
    "exits with 0": WRONG + "import os\ndef add(a, b): os._exit(0)",
    "exits with 0 while it is imported": "import os; os._exit(0)",
    "calls sys.exit": "import sys\ndef add(a, b): sys.exit(0)",
    "raises KeyboardInterrupt": "def add(a, b): raise KeyboardInterrupt",
    "raises GeneratorExit": "def add(a, b): raise GeneratorExit",
    "raises StopIteration": "def add(a, b): raise StopIteration(5)",
    "skips": "import unittest\ndef add(a, b): raise unittest.SkipTest('no')",
    "skips with pytest": "import pytest\ndef add(a, b): pytest.skip('no')",
    "skips the module": "import pytest\npytest.skip('no', allow_module_level=True)",
    "expects to fail": "import pytest\ndef add(a, b): pytest.xfail('no')",
    "ends the run with pytest": "import pytest\ndef add(a, b): pytest.exit('all is well', 0)",
    "patches pytest": WRONG
    + """
import _pytest.runner, _pytest.reports, pytest, unittest
def passed(*args, **kwargs): return _pytest.reports.TestReport("x", ("", 0, ""), {}, "passed",
    None, "call")
_pytest.runner.pytest_runtest_makereport = passed
_pytest.reports.TestReport.failed = False
pytest.main = lambda *args, **kwargs: 0
unittest.TestCase.assertEqual = lambda *args: None
unittest.TestCase.run = lambda *args: None
""",
    "overrides builtins": WRONG
    + """
import builtins
builtins.AssertionError = KeyError
builtins.isinstance = lambda *args: True
builtins.Exception = type("Exception", (BaseException,), {})
builtins.__import__ = lambda *args, **kwargs: None
""",
    "lies in __eq__": LIAR + "def add(a, b): return Liar()",
    "lies as a number": """
class Liar(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __hash__(self): return 5
def add(a, b): return Liar(6)
""",
    "lies under the name that is tested": LIAR.replace("Liar", "add")
    + "add.__new__ = lambda cls, *args: object.__new__(cls)",
    "lies in a metaclass": """
class Meta(type):
    def __eq__(self, other): return True
    def __hash__(self): return hash(5)
    def __sub__(self, other): return 0
    __rsub__ = __sub__
class Thing(metaclass=Meta): ...
def add(a, b): return Thing
""",
    "lies about its class": LIAR
    + "Liar.__class__ = property(lambda self: int)\ndef add(a, b): return Liar()",
    "lies in a tuple": LIAR + "def add(a, b): return (Liar(), 5)",
    "plants files for the tests": WRONG
    + """
import glob, os
evil = "import pytest\\n@pytest.hookimpl(tryfirst=True)\\ndef pytest_pyfunc_call(): return True\\n"
evil += "import builtins; builtins.AssertionError = BaseException\\n"
names = "conftest sitecustomize usercustomize pytest _pytest difflib pprint json math solution"
for place in [os.getcwd(), "/tmp", "/work", *glob.glob("/tmp/*/")]:
    for name in names.split():
        try:
            open(f"{place}/{name}.py", "w").write(evil)
        except OSError:
            pass
    for name, text in (("pytest.ini", "[pytest]\\naddopts = --collect-only\\n"),):
        try:
            open(f"{place}/{name}", "w").write(text)
        except OSError:
            pass
""",
    "writes over the tests": WRONG
    + """
import glob
def add(a, b):
    for path in glob.glob("/tmp/**/*.py", recursive=True):
        try:
            open(path, "w").write("def test_right(): pass\\ndef test_near(): pass\\n")
        except OSError:
            pass
    return 6
""",
    "reads the tests": """
import glob, re
def add(a, b):
    for path in glob.glob("/tmp/**/*", recursive=True):
        try:
            if "test_right" in open(path).read() and not path.endswith("solution.py"):
                return 5
        except (OSError, UnicodeDecodeError):
            pass
    return 6
""",
    "writes to every descriptor": WRONG
    + """
import json, os, struct
passed = {"index": 0, "outcome": "passed"}
events = [{"finished": 0}, {"value": 5}, {"test": passed, "name": "x"}, {"tests": [passed]}]
bodies = [json.dumps(event).encode() for event in events]
for fd in range(4096):
    for body in bodies:
        for data in (struct.pack(">I", len(body)) + body, b"." + b"12345678" + body):
            try:
                os.set_blocking(fd, False)
                os.write(fd, data)
            except OSError:
                pass
""",
    "writes to the descriptors of others": """
import os
def add(a, b):
    for pid in (os.getppid(), 1):
        for name in ("mem", "environ", "maps", *(f"fd/{number}" for number in range(64))):
            for flag in (os.O_RDONLY, os.O_WRONLY):
                try:
                    os.open(f"/proc/{pid}/{name}", flag)
                except OSError:
                    continue
                return 5
    return 6
""",
    "traces the process of the tests": """
import ctypes, os
libc = ctypes.CDLL(None)
def add(a, b):
    for pid in (os.getppid(), 1):
        if libc.ptrace(16, pid, 0, 0) == 0:
            return 5
    return 6
""",
    "answers twice": """
import os, struct
def add(a, b):
    body = b'{"value":5}'
    for fd in range(3, 64):
        try:
            os.write(fd, struct.pack(">I", 1 << 31))
        except OSError:
            pass
    return 6
""",
    "speaks in a thread": WRONG
    + """
import threading, time, os
def speak():
    while True:
        print("1 passed")
        time.sleep(0.001)
threading.Thread(target=speak, daemon=True).start()
""",
    "speaks at the end": WRONG
    + """
import atexit, os, sys
def speak():
    print("1 passed"); os._exit(0)
atexit.register(speak)
threading = __import__("threading")
threading._register_atexit(speak)
""",
    "walks through the heap": """
import gc, sys
def add(a, b):
    for thing in gc.get_objects():
        if isinstance(thing, dict) and ("expected" in thing or "tests" in thing):
            if isinstance(thing.get("expected", thing.get("tests")), (int, str)):
                return 5
    return 6
""",
    "walks through its memory": """
import re
def add(a, b):
    found = None
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
        for line in maps:
            first, last = (int(part, 16) for part in line.split()[0].split("-"))
            if " rw" in line and last - first < 1 << 27:
                try:
                    memory.seek(first)
                    found = found or re.search(b"SECRET[-]OF[-]THE", memory.read(last - first))
                except (OSError, ValueError):
                    pass
    return 5 if found else 6
""",
    "walks through frames": """
import sys
def add(a, b):
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if isinstance(value, dict) and "expected" in value:
                return 5
        frame = frame.f_back
    return 6
""",
    "stops the tests": "import os, signal\ndef add(a, b): os.kill(os.getppid(), signal.SIGSTOP)",
    "kills the tests": "import os, signal\ndef add(a, b): os.kill(os.getppid(), signal.SIGKILL)",
    "rings the alarm of the tests": """
import os, signal
def add(a, b):
    for _ in range(20): os.kill(os.getppid(), signal.SIGALRM)
    return 6
""",
    "interrupts the tests": "import os\ndef add(a, b): os.kill(os.getppid(), 2); return 6",
    "forks": "import os\ndef add(a, b):\n    os.fork()\n    return 6\n",
    "hangs": "def add(a, b):\n    while True: pass",
    "sends nonsense": """
import os
def add(a, b):
    for fd in range(3, 5000):
        for data in (b"[" * 100_000 + b"\\n", b"{}\\n", b"\\xff" * 9 + b"\\n", b"x" * 200_000):
            try:
                os.set_blocking(fd, False)
                os.write(fd, data)
            except OSError:
                pass
    return 6
""",
    "claims every exception": """
class Claims(str):
    def __hash__(self): return hash("SECRET-OF-THE-TESTS")
    def __eq__(self, other): return True
class Meta(type):
    __name__ = property(lambda self: Claims("x"))
class Any(Exception, metaclass=Meta): ...
def add(a, b): raise Any
""",
    "cuts itself off": """
import os
def add(a, b): os.closerange(3, 1 << 16)
""",
}
