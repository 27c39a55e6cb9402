"""How long hiccups of an engine are waited for, and what is believed meanwhile.

A session is given up only when the control plane says, and goes on saying, that its machine is
gone, when our program in the machine has ended, or when the lease is over. docs/e2b.md has the
table of hiccups, and what a user sees of each.
"""

MAX_UNREACHABLE_SECONDS = 120.0
"""A call waits so long for a machine that cannot be reached. A connection of HTTP/2 that has died
in silence is noticed by the transport after 31 s, and a laptop may need a minute to wake."""

ATTEMPT_TIMEOUT_SECONDS = 5.0
"""One try of a request that may be made again: one that hangs must not use up the patience."""

SILENCE_TIMEOUT_SECONDS = 10.0
"""Without a byte from the machine while an answer is due, before the connection is replaced."""

MIN_GONE_LOOKS = 4
"""Times in a row that the control plane has to say that there is no such machine: proxies and
replicas say so for a moment of machines that run."""

LOOK_INTERVAL_SECONDS = 1.5
"""Between two of these looks."""

RETRY_DELAYS_SECONDS = (0.1, 0.3, 1.0)
"""Before each new try, the last of them over and over."""

MAX_REMEMBERED_SESSIONS = 10_000
"""Sessions about which something is remembered after they have ended; the oldest go first."""
