"""`bellglass template build`: build a template of E2B with our packages and our program."""

import argparse
import os
from functools import partial

import anyio

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.server.commands.setup import CHECKERS, FONTS, PACKAGES
from bellglass.server.console import paint, print_error, printable, say
from bellglass.server.failures import INTERRUPTED
from bellglass.server.settings import Settings

NAME = "bellglass"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, parser_class=argparse.ArgumentParser
    )
    build = actions.add_parser("build", help="with our packages and our program inside")
    build.add_argument(
        "--name", metavar="NAME", default=NAME, help="name of the template [%(default)s]"
    )
    build.add_argument(
        "--base", metavar="TEMPLATE", help="base template, instead of the configured one"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Build the template, and show the progress; return the exit code."""
    from bellglass.sandboxes.backends.e2b import versions
    from bellglass.sandboxes.backends.e2b.backend import E2BBackend
    from bellglass.sandboxes.backends.e2b.errors import E2BError
    from bellglass.sandboxes.backends.e2b.program import template

    name = options.name
    try:
        given = settings.of_backend("e2b")
        if given is not None and options.base:
            given = given.model_copy(update={"template": options.base})
        backend = E2BBackend.from_settings(
            settings.limits(),
            given,
            session_max_seconds=settings.session_max_seconds,
            environ=os.environ,
        )
        if objection := versions.objection():
            raise SandboxUnavailable("e2b", objection)
        endpoint = backend.endpoint
        say(printable(f"Building template {name} from {endpoint.template} at {endpoint.api} ..."))

        def tell(line: str) -> None:
            say(paint("dim", f"    {line}"))

        optional = (*CHECKERS, *FONTS)
        anyio.run(partial(template.build, endpoint, name, PACKAGES, optional, tell))
    except SandboxUnavailable as exc:
        print_error(exc.reason)
        return 1
    except E2BError as exc:
        print_error(f"{exc}")
        return 1
    except KeyboardInterrupt:
        print_error("stopped. The engine may go on building; the template is as it was until then.")
        return INTERRUPTED
    say(paint("green", f"Ready. To use it: BELLGLASS_E2B_TEMPLATE={name}"))
    return 0
