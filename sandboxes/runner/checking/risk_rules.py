"""What is risky in Python: by full name, where ruff has no rule for it, and by ruff's rules."""

from __future__ import annotations

READS = "reads files"
WRITES = "writes files"
DELETES = "deletes files"
PROCESS = "starts processes"
SIGNALS = "ends or signals processes"
NETWORK = "opens the network"
EVALUATES = "evaluates strings"
IMPORTS = "imports dynamically"
ENVIRONMENT = "touches the environment"
UNSAFE_DATA = "deserialises unsafely"
PERMISSIONS = "changes permissions"
INTERPRETER = "reaches into the interpreter"
DYNAMIC = "looks names up dynamically"
DEVICES = "writes to devices"
PRIVILEGES = "asks for privileges"

KINDS = (
    *(READS, WRITES, DELETES, PROCESS, SIGNALS, NETWORK, EVALUATES, IMPORTS, ENVIRONMENT),
    *(UNSAFE_DATA, PERMISSIONS, INTERPRETER, DYNAMIC, DEVICES, PRIVILEGES),
)
"""Every kind of risk, in the words that results and policies name it by."""

# Risky wherever they are named: called now, or handed on to be called later.
_FUNCTIONS = (
    (
        READS,
        "reads a file",
        "codecs.open tokenize.open linecache.getline linecache.getlines "
        "fileinput.input fileinput.FileInput mmap.mmap numpy.genfromtxt numpy.loadtxt "
        "numpy.fromfile numpy.memmap PIL.Image.open",
    ),
    (READS, "lists a directory", "os.listdir os.scandir os.walk os.fwalk glob.glob glob.iglob"),
    (READS, "reads a link", "os.readlink"),
    (
        WRITES,
        "writes a file",
        "numpy.save numpy.savez numpy.savez_compressed numpy.savetxt "
        "matplotlib.pyplot.savefig matplotlib.pyplot.imsave logging.FileHandler "
        "logging.handlers.RotatingFileHandler logging.handlers.TimedRotatingFileHandler "
        "shutil.make_archive shutil.unpack_archive os.truncate os.mkfifo os.mknod",
    ),
    (
        WRITES,
        "copies files",
        "shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.copyfileobj",
    ),
    (WRITES, "moves files, over what is there", "shutil.move os.rename os.renames os.replace"),
    (WRITES, "makes a directory", "os.mkdir os.makedirs"),
    (WRITES, "makes a link", "os.link os.symlink"),
    (
        WRITES,
        "makes a temporary file",
        "tempfile.mktemp tempfile.mkstemp tempfile.mkdtemp tempfile.TemporaryFile "
        "tempfile.NamedTemporaryFile tempfile.TemporaryDirectory tempfile.SpooledTemporaryFile",
    ),
    (WRITES, "opens a database file", "sqlite3.connect dbm.open sqlite3.dbapi2.connect"),
    (DELETES, "deletes a file", "os.remove os.unlink send2trash.send2trash"),
    (DELETES, "deletes a directory", "os.rmdir os.removedirs"),
    (DELETES, "deletes a directory and all that is in it", "shutil.rmtree"),
    (
        PROCESS,
        "runs a command in a shell",
        "os.system os.popen subprocess.getoutput "
        "subprocess.getstatusoutput asyncio.create_subprocess_shell",
    ),
    (
        PROCESS,
        "starts a program",
        "subprocess.run subprocess.call subprocess.check_call "
        "subprocess.check_output subprocess.Popen asyncio.create_subprocess_exec os.posix_spawn "
        "os.posix_spawnp os.startfile os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv "
        "os.spawnve os.spawnvp os.spawnvpe pty.spawn pexpect.spawn pexpect.run",
    ),
    (
        PROCESS,
        "replaces the process by another program",
        "os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe",
    ),
    (PROCESS, "starts a copy of the process", "os.fork os.forkpty pty.fork"),
    (
        PROCESS,
        "starts worker processes",
        "multiprocessing.Process multiprocessing.Pool "
        "multiprocessing.pool.Pool multiprocessing.Manager "
        "concurrent.futures.ProcessPoolExecutor "
        "concurrent.futures.process.ProcessPoolExecutor",
    ),
    (
        SIGNALS,
        "sends a signal",
        "os.kill os.killpg signal.pthread_kill signal.raise_signal signal.pidfd_send_signal",
    ),
    (SIGNALS, "ends the process at once, without clean-up", "os._exit os.abort"),
    (
        NETWORK,
        "opens a socket",
        "socket.socket socket.create_connection socket.create_server "
        "socket.socketpair socket.fromfd asyncio.open_connection asyncio.start_server "
        "asyncio.open_unix_connection asyncio.start_unix_server",
    ),
    (
        NETWORK,
        "asks a name server",
        "socket.gethostbyname socket.getaddrinfo "
        "socket.gethostbyaddr socket.gethostbyname_ex socket.getnameinfo",
    ),
    (
        NETWORK,
        "fetches a URL",
        "urllib.request.urlopen urllib.request.urlretrieve "
        "requests.get requests.post requests.put requests.patch requests.delete requests.head "
        "requests.request httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head "
        "httpx.request httpx.stream urllib2.urlopen",
    ),
    (
        NETWORK,
        "opens a web browser",
        "webbrowser.open webbrowser.open_new webbrowser.open_new_tab webbrowser.get",
    ),
    (
        EVALUATES,
        "runs a string or file as code",
        "builtins.eval builtins.exec pandas.eval code.interact runpy.run_module runpy.run_path "
        "code.InteractiveInterpreter code.InteractiveConsole",
    ),
    (EVALUATES, "turns a string into code", "builtins.compile codeop.compile_command"),
    (
        IMPORTS,
        "imports a module by its name as a string",
        "builtins.__import__ "
        "importlib.import_module importlib.reload importlib.util.spec_from_file_location "
        "importlib.util.module_from_spec importlib.machinery.SourceFileLoader imp.load_source "
        "pkgutil.find_loader zipimport.zipimporter",
    ),
    (ENVIRONMENT, "reads or changes environment variables", "os.environ os.environb"),
    (ENVIRONMENT, "reads an environment variable", "os.getenv os.getenvb"),
    (ENVIRONMENT, "changes an environment variable", "os.putenv os.unsetenv"),
    (
        UNSAFE_DATA,
        "can run any code that the data names",
        "pickle.load pickle.loads "
        "pickle.Unpickler marshal.load marshal.loads shelve.open dill.load dill.loads "
        "cloudpickle.load cloudpickle.loads joblib.load torch.load yaml.unsafe_load "
        "yaml.full_load yaml.unsafe_load_all yaml.full_load_all jsonpickle.decode "
        "pandas.read_pickle",
    ),
    (
        PERMISSIONS,
        "changes who may use a file",
        "os.chmod os.chown os.lchown os.fchmod os.fchown shutil.chown os.setxattr",
    ),
    (
        PERMISSIONS,
        "changes the user the process runs as",
        "os.setuid os.setgid os.seteuid os.setegid os.setreuid os.setresuid os.setgroups",
    ),
    (
        INTERPRETER,
        "calls native code",
        "ctypes.CDLL ctypes.PyDLL ctypes.cdll ctypes.pythonapi "
        "ctypes.memmove ctypes.memset ctypes.string_at ctypes.cast ctypes.CFUNCTYPE cffi.FFI "
        "ctypes.util.find_library ctypes.from_address",
    ),
    (INTERPRETER, "makes code from raw parts", "types.CodeType types.FunctionType"),
    (
        INTERPRETER,
        "sees the frames or objects of other code",
        "sys._getframe gc.get_objects "
        "gc.get_referrers inspect.stack inspect.currentframe sys._current_frames",
    ),
    (
        INTERPRETER,
        "watches or changes all that runs",
        "sys.settrace sys.setprofile sys.addaudithook threading.settrace",
    ),
)

FUNCTIONS = {name: (kind, reason) for kind, reason, names in _FUNCTIONS for name in names.split()}

MODULES = frozenset(name.split(".")[0] for name in FUNCTIONS)
"""Modules of which an attribute that is not known may be any of them."""

OPENERS = {
    "builtins.open": 1,
    "gzip.open": 1,
    "bz2.open": 1,
    "lzma.open": 1,
    "gzip.GzipFile": 1,
    "tarfile.open": 1,
    "tarfile.TarFile": 1,
    "zipfile.ZipFile": 1,
    "os.fdopen": 1,
    "pathlib.Path().open": 0,
}
"""What opens a file, and the position of its argument for the mode."""

TAKE_SHELL = frozenset(
    f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")
)
"""What runs a command in a shell if `shell` is true."""

RUN_TEXT = ("timeit.timeit", "timeit.repeat", "timeit.Timer", "cProfile.run", "profile.run",
            "pdb.run")
"""What runs a string as code, and takes a function as well, which is not risky."""

SAFE_LOADERS = frozenset(
    f"yaml.{name}" for name in ("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader")
)

_CLIENTS = (
    "aiohttp asyncssh boto3 ftplib grpc http.client http.server httpx imaplib nntplib paramiko "
    "poplib pymongo psycopg psycopg2 pymysql redis requests smtplib socketserver telnetlib "
    "urllib.request urllib3 websocket websockets xmlrpc.client xmlrpc.server"
)
CLIENTS = frozenset(_CLIENTS.split())
"""Modules in which every call is about the network, but for making exceptions."""

_REQUESTS = (
    "get post put patch delete head options request send stream connect urlopen login "
    "sendmail send_message retrbinary storbinary exec_command ws_connect"
)
REQUESTS = frozenset(_REQUESTS.split())
"""Methods of what CLIENTS make that talk to the other side."""

# By class: what a method of an instance does.
_METHODS = (
    ("pathlib.Path", READS, "reads a file", "read_text read_bytes readlink"),
    ("pathlib.Path", READS, "lists a directory", "iterdir glob rglob walk"),
    ("pathlib.Path", WRITES, "writes a file", "write_text write_bytes touch"),
    ("pathlib.Path", WRITES, "makes a directory", "mkdir"),
    ("pathlib.Path", WRITES, "moves a file, over what is there", "rename replace"),
    ("pathlib.Path", WRITES, "makes a link", "symlink_to hardlink_to link_to"),
    ("pathlib.Path", DELETES, "deletes a file", "unlink"),
    ("pathlib.Path", DELETES, "deletes a directory", "rmdir"),
    ("pathlib.Path", PERMISSIONS, "changes who may use a file", "chmod lchmod"),
    ("socket.socket", NETWORK, "sends or receives", "connect connect_ex bind listen sendto"),
    ("tarfile.open", WRITES, "unpacks files", "extract"),
    ("tarfile.TarFile", WRITES, "unpacks files", "extract"),
    ("zipfile.ZipFile", WRITES, "unpacks files", "extract"),
)

METHODS = {
    (owner, name): (kind, reason)
    for owner, kind, reason, names in _METHODS
    for name in names.split()
}

# By name alone, where the class is not known: little else is called so.
_ANYWHERE = (
    (READS, "reads a file", "read_text read_bytes"),
    (
        WRITES,
        "writes a file",
        "write_text write_bytes savefig to_csv to_excel to_feather to_hdf "
        "to_parquet to_pickle to_stata",
    ),
    (WRITES, "unpacks files", "extractall"),
    (DELETES, "deletes a file", "unlink"),
    (DELETES, "deletes a directory", "rmdir"),
)

ANYWHERE = {name: (kind, reason) for kind, reason, names in _ANYWHERE for name in names.split()}

_INNARDS = (
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ f_globals f_locals f_builtins "
    "f_back gi_frame cr_frame ag_frame tb_frame"
)
INNARDS = frozenset(_INNARDS.split())
"""Attributes by which code gets from any object to the whole interpreter."""

# https://docs.astral.sh/ruff/rules/#flake8-bandit-s
RUFF = {
    "S102": (EVALUATES, "runs a string as code"),
    "S103": (PERMISSIONS, "lets others use a file"),
    "S202": (WRITES, "unpacks files to wherever the archive says"),
    "S301": (UNSAFE_DATA, "can run any code that the data names"),
    "S302": (UNSAFE_DATA, "can run any code that the data names"),
    "S306": (WRITES, "names a temporary file that another may make first"),
    "S307": (EVALUATES, "runs a string as code"),
    "S310": (NETWORK, "fetches a URL, which may also be of a file"),
    "S312": (NETWORK, "talks over telnet, unencrypted"),
    "S321": (NETWORK, "talks over FTP, unencrypted"),
    "S323": (NETWORK, "does not check who is at the other end"),
    "S501": (NETWORK, "does not check who is at the other end"),
    "S502": (NETWORK, "talks over a broken version of SSL"),
    "S506": (UNSAFE_DATA, "can make any object that the data names"),
    "S507": (NETWORK, "does not check who is at the other end"),
    "S601": (PROCESS, "runs a command on another machine"),
    "S602": (PROCESS, "runs a command in a shell"),
    "S604": (PROCESS, "runs a command in a shell"),
    "S605": (PROCESS, "runs a command in a shell"),
    "S606": (PROCESS, "starts a program"),
    "S609": (PROCESS, "runs a command in a shell that puts file names in for a *"),
    "S612": (NETWORK, "takes its logging configuration from the network"),
}
"""Kind and reason, by the code of ruff's rule. A rule about no more than a word is left out (S105: a
password?), and so is one that is about a weakness of what the program makes (S324, S701)."""
