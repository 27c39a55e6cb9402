"""Write the pictures into docs/pictures."""

import sys
from pathlib import Path

import anyio

from pictures import terminal, view

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, picture in (("demo.svg", terminal.recorded()), ("view.svg", anyio.run(view.drawn))):
        (FOLDER / name).write_text(picture, "utf-8")
        sys.stdout.write(f"{FOLDER / name}: {len(picture):,} characters\n")


if __name__ == "__main__":
    main()
