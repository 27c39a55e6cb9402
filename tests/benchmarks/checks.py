"""The time that `validate_code` takes for a long program, warm."""

import ast
import inspect
import shutil

from .peers import OURS, call, connected
from .rows import Row, Run, Times, timed

LINES = 500

BASH = """
# Copies what has changed since the last time of {name}.
backup_{name}() {{
    local source=$1 target=$2 count=0
    if [[ ! -d $source ]]; then
        echo "{name}: $source is not there" >&2
        return 1
    fi
    mkdir -p "$target"
    while IFS= read -r -d '' file; do
        case $file in
            *.tmp | *.swp) continue ;;
            *.log) gzip --keep "$file" && file=$file.gz ;;
        esac
        cp --preserve "$file" "$target/$(basename "$file")" || return 2
        count=$((count + 1))
    done < <(find "$source" -newer "$target/.last" -type f -print0)
    touch "$target/.last"
    printf '%s: %d files\\n' {name} "$count" | tee -a "$target/log"
}}
backup_{name} "$HOME/{name}" "/backup/{name}"
"""


async def checks(run: Run) -> list[Row]:
    """A check of as many lines as the aim speaks of, in either language."""
    programs = {"Python": _python(), "bash": _bash()}
    times = {language: Times() for language in programs}
    async with connected(OURS, "modern", run.log) as client:
        for number in range(run.rounds + 1):
            await run.quiet.wait()
            for language, code in programs.items():
                samples = [
                    await timed(call(client, "validate_code", code=code, language=language.lower()))
                    for _ in range(max(5, run.calls // 10))
                ]
                if number:  # the first round warms up
                    times[language].rounds.append(samples)
    return [
        Row(
            f"validate_code, {LINES} lines of {language}, warm",
            each.median,
            p95=each.p95,
            aim="100 ms",
            holds=each.median <= 100,
        )
        for language, each in times.items()
    ]


def _python() -> str:
    """Return the start of a module of Python's own library, whole statements of it."""
    text = inspect.getsource(shutil)
    ends = [statement.end_lineno or 0 for statement in ast.parse(text).body]
    last = min(end for end in ends if end >= LINES)
    return "".join(text.splitlines(keepends=True)[:last])


def _bash() -> str:
    count = LINES // BASH.count("\n") + 1
    return "#!/bin/bash\n" + "".join(BASH.format(name=f"place{at}") for at in range(count))
