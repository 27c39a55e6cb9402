"""A proxy before the double that speaks TLS and HTTP/2, as those before E2B's machines do."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from e2b_double.server import Double

PROXY = shutil.which("nghttpx", path="/usr/sbin:/usr/bin:/usr/local/bin")
"""nghttp2's own proxy; Debian has it in nghttp2-proxy."""


class Front:
    """A running nghttpx. It listens on a Unix socket, so that no port has to be guessed."""

    def __init__(self, double: Double) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="e2b-front-"))
        self._backend = urlsplit(double.url).port
        self.socket = str(self._folder / "socket")
        self.authority = str(self._folder / "authority.pem")
        """The certificate that a client has to trust."""
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def protocols(self) -> set[str]:
        """Return those that requests came by: "h2" and "http/1.1" are their names."""
        return set(self._log.read_text().split())

    def __enter__(self) -> Self:
        assert PROXY is not None
        import trustme  # here: the double itself is also run where it is not installed

        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        certificate = authority.issue_cert("127.0.0.1")
        key, chain = self._folder / "key.pem", self._folder / "chain.pem"
        certificate.private_key_pem.write_to_path(key)
        for part in certificate.cert_chain_pems:
            part.write_to_path(chain, append=True)
        options = {
            "conf": "/dev/null",
            "frontend": f"unix:{self.socket}",
            "backend": f"127.0.0.1,{self._backend}",
            "accesslog-file": self._log,
            "accesslog-format": "$alpn",
            "errorlog-file": self._folder / "errors",
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen([PROXY, *flags, key, chain])
        for _ in range(600):
            with socket.socket(socket.AF_UNIX) as trial:
                if trial.connect_ex(self.socket) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError((self._folder / "errors").read_text())

    def __exit__(self, *exc_info: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self._folder)
