"""The four kinds of task: what the model must write for each, and how it is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.agent.modes.analyse import Analyse
from bellglass.agent.modes.compute import Compute
from bellglass.agent.modes.solve import Solve
from bellglass.agent.modes.transform import Transform

if TYPE_CHECKING:
    from bellglass.agent.answer import ModeName
    from bellglass.agent.modes.base import Mode

MODES: dict[ModeName, type[Mode]] = {
    "solve": Solve,
    "analyse": Analyse,
    "compute": Compute,
    "transform": Transform,
}
