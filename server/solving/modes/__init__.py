"""The four kinds of task: what a model is to write for each, and what counts as proof of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.server.solving.modes.analyse import Analyse
from bellglass.server.solving.modes.compute import Compute
from bellglass.server.solving.modes.solve import Solve
from bellglass.server.solving.modes.transform import Transform

if TYPE_CHECKING:
    from bellglass.server.solving.answer import ModeName
    from bellglass.server.solving.modes.base import Mode

MODES: dict[ModeName, type[Mode]] = {
    "solve": Solve,
    "analyse": Analyse,
    "compute": Compute,
    "transform": Transform,
}
