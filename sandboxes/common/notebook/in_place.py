"""A subclass of IPython's cell transformer that keeps line numbers."""

from __future__ import annotations

from IPython.core.inputtransformer2 import TransformerManager


class InPlace(TransformerManager):
    """Insert empty lines where IPython joins lines or drops some."""

    def do_one_token_transform(self, lines: list[str]) -> tuple[bool, list[str]]:
        changed, new = super().do_one_token_transform(lines)
        gone = len(lines) - len(new)
        if gone > 0:
            pairs = enumerate(zip(lines, new))
            at = next((at for at, (one, other) in pairs if one != other), len(new) - 1)
            new = [*new[: at + 1], *["\n"] * gone, *new[at + 1 :]]
        return changed, new

    def transform_cell(self, cell: str) -> str:
        lines = cell.splitlines(keepends=True)
        empty = next((at for at, line in enumerate(lines) if line.strip()), 0)
        return "\n" * empty + str(super().transform_cell(cell))
