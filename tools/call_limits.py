"""What a call may ask for: defaults and bounds. Those of a session are in `session_limits.py`."""

from bellglass.sandboxes.common.limits import MAX_CALL_SECONDS

DEFAULT_TIMEOUT_SECONDS = 30
"""Time limit of a call that names none, unless the operator sets another."""

DEFAULT_TESTS_TIMEOUT_SECONDS = 60
"""Time limit of a call of `run_tests` that names none, for all tests together."""

MAX_TIMEOUT_SECONDS = MAX_CALL_SECONDS

DEFAULT_BACKGROUND_SECONDS = 3600
"""The longest background run, unless the operator sets another bound."""

MAX_BACKGROUND_SECONDS = 86_400
"""The longest background run that an operator may allow."""

MAX_CODE_CHARACTERS = 1 << 20
"""Characters of code, or of another text, in one argument."""

MAX_CHECKED_BYTES = 100_000
"""Bytes of a program that is analysed, for validate_code or a policy: more would delay others."""

MAX_CASES = 1_000
"""Cases of one call of `run_tests`."""

CHECK_TIMEOUT_SECONDS = 10
"""Time limit of one check of code, for validate_code or a policy."""
