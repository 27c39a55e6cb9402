"""The programs of `tests/corpora` in a machine of E2B, for `make corpora`."""

from __future__ import annotations

import pytest
from corpora.conftest import session
from corpora.test_cruxeval import *
from corpora.test_humaneval import *

__all__ = ["session"]

pytestmark = pytest.mark.whole
