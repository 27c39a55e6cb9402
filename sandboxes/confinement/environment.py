"""The environment of the code: of our making, whatever the process was started with."""

from __future__ import annotations


def environment(path: str, venv: str | None) -> dict[str, str]:
    """Return all of it. `path` is the search path of programs; `venv` the environment of Python."""
    variables = {
        "PATH": path,
        "HOME": "/work",
        "USER": "sandbox",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp/.matplotlib",  # else its caches are in the workspace
        # Each would start a thread for every processor of the host, at import.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # There is no network: pip need not wait and try again five times to say so.
        "PIP_RETRIES": "0",
        "npm_config_fetch_retries": "0",
        # Nobody can type: what would wait for it ends instead. Batch work (vim -es, -c) goes on.
        "GIT_TERMINAL_PROMPT": "0",
        "VIMINIT": "set viminfo= | "
        "if len(filter(copy(v:argv[1:]), 'v:val =~# \"^[-+]\"')) == 0 | cquit | endif",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    if venv is not None:
        variables["VIRTUAL_ENV"] = venv
    return variables
