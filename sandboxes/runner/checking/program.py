"""A Python program that can be parsed: what it uses, imports and could do."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from bellglass.sandboxes.runner.checking import imports, notebook, risks, ruff, scopes
from bellglass.sandboxes.runner.checking.names import Names
from bellglass.sandboxes.runner.checking.places import Source


class Program:
    """Reads `tree` once, for all that is asked about it. `nodes` are all of it."""

    def __init__(self, tree: ast.Module, nodes: list[ast.AST], source: Source) -> None:
        self.tree = tree
        self.nodes = nodes
        self._source = source
        self._names = Names()
        self.uses = scopes.read(tree)
        self.imported: list[imports.Imported] = []

    def risks(self) -> list[dict[str, Any]]:
        """Return our own findings."""
        found = risks.find(self.nodes, self.uses, self._names) + notebook.risks(self.nodes)
        # After the risks, which are asked from the inside out: what they found out is known now.
        self.imported = imports.find(self.nodes, self.uses, self._names)
        for risk in found:
            risk["column"] = self._source.column(risk["line"], risk["column"])
        return found

    def with_ruffs(
        self, own: list[dict[str, Any]], reports: Iterable[ruff.Report]
    ) -> list[dict[str, Any]]:
        """Return our own risks, and those of ruff's of which we said nothing."""
        seen = [(report, risk) for report in reports if (risk := ruff.risk(report))]
        begins = self._begins() if seen else {}
        said = {(begins.get(risk["line"]), risk["kind"]) for risk in own}
        found = list(own)
        for report, risk in seen:
            if (begins.get(report.line), risk[0]) not in said:
                said.add((begins.get(report.line), risk[0]))
                place = {"line": report.line, "column": report.column}
                found.append({"kind": risk[0], **place, "reason": f"the call {risk[1]}"})
        return sorted(found, key=lambda risk: (risk["line"], risk["column"]))

    def _begins(self) -> dict[int, int]:
        """Return for each line where the innermost statement on it begins."""
        begins: dict[int, int] = {}
        for node in self.nodes:
            if isinstance(node, ast.stmt):
                last = node.end_lineno or node.lineno
                if isinstance(getattr(node, "body", None), list):
                    last = node.lineno  # of its own it has only the first lines
                for line in range(node.lineno, last + 1):
                    begins[line] = node.lineno
        return begins

    @cached_property
    def bound(self) -> set[str]:
        """Return every name that has a meaning somewhere in it."""
        known = notebook.known()
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known.add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                known.add(node.name)
            elif isinstance(node, ast.alias):
                known.add((node.asname or node.name).split(".")[0])
            elif isinstance(node, ast.arg):
                known.add(node.arg)
        return known

    def used(self) -> set[int]:
        """Return the lines of expressions that are there for more than their value.

        The last one is shown by execute_python; one alone in a with or a try is to raise.
        """
        bodies = [
            node.body
            for node in self.nodes
            if isinstance(node, (ast.With, ast.AsyncWith, ast.Try)) and len(node.body) == 1
        ]
        return {body[-1].lineno for body in (self.tree.body, *bodies) if body}
