"""The double as a program: `PYTHONPATH=tests python -m e2b_double KEY_FILE`, ended by a signal.

It prints its address, and nothing else on stdout; the key that it takes is in KEY_FILE then.
"""

import os
import signal
import sys
from pathlib import Path

from bellglass.sandboxes.backends.embedded.python import find_python
from e2b_double import KEY, Double

ENDINGS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def main(key_file: str) -> None:
    Path(key_file).write_text(KEY)
    # Before the threads are there, so that all of them leave it to us.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    with Double() as double:
        double.engine.path = f"{Path(find_python()).parent}:{os.environ['PATH']}"
        sys.stdout.write(f"{double.url}\n")
        sys.stdout.flush()
        signal.sigwait(ENDINGS)


main(*sys.argv[1:])
