"""`bellglass template build`: build a template of E2B with our packages and our program."""

import os
from functools import partial

import anyio
import click

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.setup import package_set
from bellglass.sandboxes.setup.package_set import OPTIONAL
from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.parsing import Invocation, SettingsGroup
from bellglass.server.console import paint, print_error, printable, say
from bellglass.server.failures import INTERRUPTED_EXIT_CODE

NAME = "bellglass"


@click.group(cls=SettingsGroup, no_args_is_help=False)
def command() -> None:
    """Build a template of E2B for sessions."""


@command.command()
@click.option("--name", default=NAME, show_default=True, help="Name of the template.")
@click.option("--base", metavar="TEMPLATE", help="Base template, instead of the configured one.")
@click.pass_obj
def build(given: Invocation, name: str, base: str | None) -> int:
    """Build the template, with our packages and our program inside."""
    from bellglass.sandboxes.backends.e2b import versions
    from bellglass.sandboxes.backends.e2b.backend import E2BBackend
    from bellglass.sandboxes.backends.e2b.errors import E2BError
    from bellglass.sandboxes.backends.e2b.program import template

    settings = given.settings
    try:
        of_e2b = settings.of_backend("e2b")
        if of_e2b is not None and base:
            of_e2b = of_e2b.model_copy(update={"template": base})
        backend = E2BBackend.from_settings(
            settings.limits(),
            of_e2b,
            session_max_seconds=settings.session_max_seconds,
            environ=os.environ,
        )
        if objection := versions.objection():
            raise SandboxUnavailable("e2b", objection)
        endpoint = backend.endpoint
        say(printable(f"Building template {name} from {endpoint.template} at {endpoint.api} ..."))

        def tell(line: str) -> None:
            say(paint("dim", f"    {line}"))

        packages = package_set.kept().required
        with clock("Building"):
            anyio.run(partial(template.build, endpoint, name, packages, OPTIONAL, tell))
    except SandboxUnavailable as exc:
        print_error(exc.reason)
        return 1
    except E2BError as exc:
        print_error(f"{exc}")
        return 1
    except KeyboardInterrupt:
        print_error("stopped. The engine may go on building; the template is as it was until then.")
        return INTERRUPTED_EXIT_CODE
    say(paint("green", f"Ready. To use it: BELLGLASS_E2B_TEMPLATE={name}"))
    return 0
