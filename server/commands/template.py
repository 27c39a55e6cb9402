"""`bellglass template build`: a template of E2B with our packages and our program inside."""

from functools import partial
from typing import Any

import anyio

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.server.commands.setup import CHECKERS, FONTS, PACKAGES
from bellglass.server.console import complain, paint, printable, say
from bellglass.server.settings import Settings

NAME = "bellglass"


def build(settings: Settings, name: str | None, base: str | None) -> int:
    """Build the template and show how; return the exit code."""
    from bellglass.sandboxes import registry
    from bellglass.sandboxes.e2b import template, versions
    from bellglass.sandboxes.e2b.errors import E2BError
    from bellglass.server import e2b

    name = name or NAME
    try:
        given = e2b.options(settings)
        if base:
            given["template"] = base
        backend: Any = registry.create("e2b", settings.limits(), given)
        if objection := versions.objection():
            raise SandboxUnavailable("e2b", objection)
        endpoint = backend.endpoint
        say(printable(f"Building template {name} from {endpoint.template} at {endpoint.api} ..."))

        def tell(line: str) -> None:
            say(paint("dim", f"    {line}"))

        optional = (*CHECKERS, *FONTS)
        anyio.run(partial(template.build, endpoint, name, PACKAGES, optional, tell))
    except SandboxUnavailable as exc:
        complain(exc.reason)
        return 1
    except E2BError as exc:
        complain(f"{exc}")
        return 1
    except KeyboardInterrupt:
        complain("stopped. The engine may go on building; the template is as it was until then.")
        return 130
    say(paint("green", f"Ready. To use it: BELLGLASS_E2B_TEMPLATE={name}"))
    return 0
