"""Check that what is checked out can be released, or say what remains to be done by hand.

    python bundle/release.py check | remaining

`make release` does both, and builds in between.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

REMAINING = """
{version} is built and checked, in dist/. What remains needs accounts, in this order:

1. git push origin v{version}
2. .venv/bin/twine upload dist/bellglass-{version}*       (PyPI; the name is to be registered first)
3. A release of v{version} where the repository is hosted: the changes below, dist/bellglass.mcpb.
4. mcp-publisher publish                        (server.json, to the registry of MCP servers)

{changes}
"""


def version_of(root: Path) -> str:
    """Return the version, which stands in pyproject.toml alone."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def changes_of(root: Path, heading: str) -> str | None:
    """Return what the change log says under a heading of the second level, if it has that."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    found = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else None


def complaints(root: Path) -> list[str]:
    """Return what keeps the repository at `root` from being released."""
    version, found = version_of(root), []
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        found.append(f"The version {version} in pyproject.toml is not of the form X.Y.Z.")
    if _git(root, "status", "--porcelain"):
        found.append("Files are changed or not known to git: commit them, or remove them.")
    if f"v{version}" not in _git(root, "tag", "--points-at", "HEAD").split():
        found.append(f"This commit has no tag v{version}: git tag -a v{version} -m {version}")
    released = changes_of(root, rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d")
    if not released:
        found.append(f'CHANGELOG.md says nothing under "## {version} - YYYY-MM-DD".')
    if changes_of(root, "Unreleased"):
        found.append('CHANGELOG.md has changes under "Unreleased": move them to the version.')
    if json.loads((root / "server.json").read_text("utf-8"))["version"] != version:
        found.append(f"server.json has another version than {version}.")
    return found


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main(what: str, root: Path) -> int:
    if what == "remaining":
        version = version_of(root)
        changes = changes_of(root, rf"{re.escape(version)} - \S+") or ""
        sys.stdout.write(REMAINING.format(version=version, changes=changes))
        return 0
    found = complaints(root)
    for complaint in found:
        sys.stderr.write(f"{complaint}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(__file__).parents[1]))
