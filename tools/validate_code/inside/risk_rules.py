"""Rules for risks in Python: by full name, if ruff has no rule for it, and by ruff's rules."""

from __future__ import annotations

Risk = tuple[str, str]
"""A kind, and the reason in words."""


def table(text: str) -> dict[str, Risk]:
    """Return kind and reason by name, from lines of `kind: reason: names`, which may go on."""
    found: dict[str, Risk] = {}
    for line in text.replace("\n    ", " ").strip().split("\n"):
        kind, reason, names = line.split(": ", 2)
        found.update(dict.fromkeys(names.split(), (kind, reason)))
    return found


FUNCTIONS = table("""
reads files: reads a file: codecs.open tokenize.open linecache.getline linecache.getlines
    fileinput.input fileinput.FileInput mmap.mmap numpy.genfromtxt numpy.loadtxt numpy.fromfile
    numpy.memmap PIL.Image.open
reads files: lists a directory: os.listdir os.scandir os.walk os.fwalk glob.glob glob.iglob
reads files: reads a link: os.readlink
writes files: writes a file: numpy.save numpy.savez numpy.savez_compressed numpy.savetxt
    matplotlib.pyplot.savefig matplotlib.pyplot.imsave logging.FileHandler
    logging.handlers.RotatingFileHandler logging.handlers.TimedRotatingFileHandler
    shutil.make_archive shutil.unpack_archive os.truncate os.mkfifo os.mknod
writes files: copies files: shutil.copy shutil.copy2 shutil.copyfile shutil.copytree
    shutil.copyfileobj
writes files: moves files, over what is there: shutil.move os.rename os.renames os.replace
writes files: makes a directory: os.mkdir os.makedirs
writes files: makes a link: os.link os.symlink
writes files: makes a temporary file: tempfile.mktemp tempfile.mkstemp tempfile.mkdtemp
    tempfile.TemporaryFile tempfile.NamedTemporaryFile tempfile.TemporaryDirectory
    tempfile.SpooledTemporaryFile
writes files: opens a database file: sqlite3.connect dbm.open sqlite3.dbapi2.connect
deletes files: deletes a file: os.remove os.unlink send2trash.send2trash
deletes files: deletes a directory: os.rmdir os.removedirs
deletes files: deletes a directory and all that is in it: shutil.rmtree
starts processes: runs a command in a shell: os.system os.popen subprocess.getoutput
    subprocess.getstatusoutput asyncio.create_subprocess_shell
starts processes: starts a program: subprocess.run subprocess.call subprocess.check_call
    subprocess.check_output subprocess.Popen asyncio.create_subprocess_exec os.posix_spawn
    os.posix_spawnp os.startfile os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve
    os.spawnvp os.spawnvpe pty.spawn pexpect.spawn pexpect.run
starts processes: replaces the process by another program: os.execl os.execle os.execlp os.execlpe
    os.execv os.execve os.execvp os.execvpe
starts processes: starts a copy of the process: os.fork os.forkpty pty.fork
starts processes: starts worker processes: multiprocessing.Process multiprocessing.Pool
    multiprocessing.pool.Pool multiprocessing.Manager concurrent.futures.ProcessPoolExecutor
    concurrent.futures.process.ProcessPoolExecutor
ends or signals processes: sends a signal: os.kill os.killpg signal.pthread_kill
    signal.raise_signal signal.pidfd_send_signal
ends or signals processes: ends the process at once, without clean-up: os._exit os.abort
opens the network: opens a socket: socket.socket socket.create_connection socket.create_server
    socket.socketpair socket.fromfd asyncio.open_connection asyncio.start_server
    asyncio.open_unix_connection asyncio.start_unix_server
opens the network: asks a name server: socket.gethostbyname socket.getaddrinfo
    socket.gethostbyaddr socket.gethostbyname_ex socket.getnameinfo
opens the network: fetches a URL: urllib.request.urlopen urllib.request.urlretrieve requests.get
    requests.post requests.put requests.patch requests.delete requests.head requests.request
    httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.request httpx.stream
    urllib2.urlopen
opens the network: opens a web browser: webbrowser.open webbrowser.open_new
    webbrowser.open_new_tab webbrowser.get
evaluates strings: runs a string or file as code: builtins.eval builtins.exec pandas.eval
    code.interact runpy.run_module runpy.run_path code.InteractiveInterpreter
    code.InteractiveConsole
evaluates strings: turns a string into code: builtins.compile codeop.compile_command
imports dynamically: imports a module by its name as a string: builtins.__import__
    importlib.import_module importlib.reload importlib.util.spec_from_file_location
    importlib.util.module_from_spec importlib.machinery.SourceFileLoader imp.load_source
    pkgutil.find_loader zipimport.zipimporter
touches the environment: reads or changes environment variables: os.environ os.environb
touches the environment: reads an environment variable: os.getenv os.getenvb
touches the environment: changes an environment variable: os.putenv os.unsetenv
deserialises unsafely: can run any code that the data names: pickle.load pickle.loads
    pickle.Unpickler marshal.load marshal.loads shelve.open dill.load dill.loads cloudpickle.load
    cloudpickle.loads joblib.load torch.load yaml.unsafe_load yaml.full_load yaml.unsafe_load_all
    yaml.full_load_all jsonpickle.decode pandas.read_pickle
changes permissions: changes who may use a file: os.chmod os.chown os.lchown os.fchmod os.fchown
    shutil.chown os.setxattr
changes permissions: changes the user the process runs as: os.setuid os.setgid os.seteuid
    os.setegid os.setreuid os.setresuid os.setgroups
reaches into the interpreter: calls native code: ctypes.CDLL ctypes.PyDLL ctypes.cdll
    ctypes.pythonapi ctypes.memmove ctypes.memset ctypes.string_at ctypes.cast ctypes.CFUNCTYPE
    cffi.FFI ctypes.util.find_library ctypes.from_address
reaches into the interpreter: makes code from raw parts: types.CodeType types.FunctionType
reaches into the interpreter: sees the frames or objects of other code: sys._getframe
    gc.get_objects gc.get_referrers inspect.stack inspect.currentframe sys._current_frames
reaches into the interpreter: watches or changes all that runs: sys.settrace sys.setprofile
    sys.addaudithook threading.settrace
""")
"""Functions that are risky wherever they are named: called now, or passed on."""

MODULES = frozenset(name.split(".")[0] for name in FUNCTIONS)
"""Modules of which an unknown attribute may be any of them."""

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
"""Functions that open a file, and the position of the argument for the mode."""

TAKE_SHELL = frozenset(
    f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")
)
"""Functions that run a command in a shell if `shell` is true."""

RUN_TEXT = (
    "timeit.timeit",
    "timeit.repeat",
    "timeit.Timer",
    "cProfile.run",
    "profile.run",
    "pdb.run",
)
"""Functions that run a string as code, but also accept a function, which is not risky."""

SAFE_LOADERS = frozenset(
    f"yaml.{name}" for name in ("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader")
)

_CLIENTS = (
    "aiohttp asyncssh boto3 ftplib grpc http.client http.server httpx imaplib nntplib paramiko "
    "poplib pymongo psycopg psycopg2 pymysql redis requests smtplib socketserver telnetlib "
    "urllib.request urllib3 websocket websockets xmlrpc.client xmlrpc.server"
)
CLIENTS = frozenset(_CLIENTS.split())
"""Modules in which every call uses the network, except for making exceptions."""

_REQUESTS = (
    "get post put patch delete head options request send stream connect urlopen login "
    "sendmail send_message retrbinary storbinary exec_command ws_connect"
)
REQUESTS = frozenset(_REQUESTS.split())
"""Methods of the objects of CLIENTS that talk to the other side."""

METHODS = table("""
reads files: reads a file: pathlib.Path.read_text pathlib.Path.read_bytes pathlib.Path.readlink
reads files: lists a directory: pathlib.Path.iterdir pathlib.Path.glob pathlib.Path.rglob
    pathlib.Path.walk
writes files: writes a file: pathlib.Path.write_text pathlib.Path.write_bytes pathlib.Path.touch
writes files: makes a directory: pathlib.Path.mkdir
writes files: moves a file, over what is there: pathlib.Path.rename pathlib.Path.replace
writes files: makes a link: pathlib.Path.symlink_to pathlib.Path.hardlink_to pathlib.Path.link_to
deletes files: deletes a file: pathlib.Path.unlink
deletes files: deletes a directory: pathlib.Path.rmdir
changes permissions: changes who may use a file: pathlib.Path.chmod pathlib.Path.lchmod
opens the network: sends or receives: socket.socket.connect socket.socket.connect_ex
    socket.socket.bind socket.socket.listen socket.socket.sendto
writes files: unpacks files: tarfile.open.extract
writes files: unpacks files: tarfile.TarFile.extract
writes files: unpacks files: zipfile.ZipFile.extract
""")
"""Risks of the methods of an instance, by class."""

ANYWHERE = table("""
reads files: reads a file: read_text read_bytes
writes files: writes a file: write_text write_bytes savefig to_csv to_excel to_feather to_hdf
    to_parquet to_pickle to_stata
writes files: unpacks files: extractall
deletes files: deletes a file: unlink
deletes files: deletes a directory: rmdir
""")
"""Methods that are recognized by name alone if the class is unknown: few others have the name."""

_INNARDS = (
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ f_globals f_locals f_builtins "
    "f_back gi_frame cr_frame ag_frame tb_frame"
)
INNARDS = frozenset(_INNARDS.split())
"""Attributes by which code gets from any object to the whole interpreter."""

# https://docs.astral.sh/ruff/rules/#flake8-bandit-s
RUFF = table("""
evaluates strings: runs a string as code: S102 S307
changes permissions: lets others use a file: S103
writes files: unpacks files to wherever the archive says: S202
deserialises unsafely: can run any code that the data names: S301 S302
writes files: names a temporary file that another may make first: S306
opens the network: fetches a URL, which may also be of a file: S310
opens the network: talks over telnet, unencrypted: S312
opens the network: talks over FTP, unencrypted: S321
opens the network: does not check who is at the other end: S323 S501 S507
opens the network: talks over a broken version of SSL: S502
deserialises unsafely: can make any object that the data names: S506
starts processes: runs a command on another machine: S601
starts processes: runs a command in a shell: S602 S604 S605
starts processes: starts a program: S606
starts processes: runs a command in a shell that puts file names in for a *: S609
opens the network: takes its logging configuration from the network: S612
""")
"""Kind and reason, by the code of ruff's rule.

Left out is what is about no more than a word (S105: a password?), and what is about a weakness of
what the program makes (S324, S701).
"""
