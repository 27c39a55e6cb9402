"""The double as a program: `PYTHONPATH=tests python -m e2b_double KEY_FILE [PROGRAM_FOLDER]`.

It prints its address, and nothing else on stdout; the key that it takes is in KEY_FILE then. It is
ended by a signal. PROGRAM_FOLDER is what its machines have where a template has our program.
"""

import os
import signal
import sys
from pathlib import Path

from bellglass.sandboxes.backends.e2b.program.command import FOLDER
from bellglass.sandboxes.setup.environments import find_python
from e2b_double import KEY, Double

ENDINGS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def main(key_file: str, program_folder: str = FOLDER) -> None:
    Path(key_file).write_text(KEY)
    # Before the threads are there, so that all of them leave it to us.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    with Double() as double:
        double.engine.path = f"{Path(find_python()).parent}:{os.environ['PATH']}"
        double.engine.placing = {FOLDER: program_folder}
        sys.stdout.write(f"{double.url}\n")
        sys.stdout.flush()
        signal.sigwait(ENDINGS)


main(*sys.argv[1:])
