"""Stop within seconds, whatever is going on.

A client waits two seconds after it has closed our stdin, then kills us. So the orderly shutdown
(leave the lifespan, which ends every session) has a deadline, kept by a thread that nothing can
block.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

import anyio

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

EOF_TIMEOUT_SECONDS = 1.7
SIGNAL_TIMEOUT_SECONDS = 3.5


class Stop:
    """The end of this process, requested once, by a signal or the end of input."""

    def __init__(self, *, signal_seconds: float = SIGNAL_TIMEOUT_SECONDS) -> None:
        self.exit_code = 0
        self._signal_seconds = signal_seconds
        self._deadline: threading.Timer | None = None

    def within(self, seconds: float) -> None:
        """End the process in `seconds` from now even if cleaning up hangs."""
        if self._deadline is None:
            self._deadline = threading.Timer(seconds, self.now)
            self._deadline.daemon = True
            self._deadline.start()

    async def on_signal(self, stop: Callable[[], None]) -> None:
        """Call `stop` at the first signal; at the second, end at once."""
        with anyio.open_signal_receiver(*SIGNALS) as received:
            async for number in received:
                if self.exit_code:
                    self.now()
                self.exit_code = 128 + number
                self.within(self._signal_seconds)
                stop()

    def now(self) -> NoReturn:
        """End the process. Threads that block in a read or write cannot hold this up."""
        logging.shutdown()
        # Each is None where who started us has closed it.
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(self.exit_code)
