"""Images that are missing, or unsuitable for sessions."""

from __future__ import annotations

import io
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from conftest import LIMITS
from docker_sandbox.watching import python

from bellglass.sandboxes.backends.docker import DockerBackend, images
from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import APIClient


@contextmanager
def derived(engine: APIClient, lines: str) -> Iterator[str]:
    """Build an image from that of sessions, with these lines in its Dockerfile."""
    tag = f"bellglass-test:{secrets.token_hex(6)}"
    recipe = io.BytesIO(f"FROM {IMAGE}\nUSER root\n{lines}\n".encode())
    built = engine.build(fileobj=recipe, tag=tag, rm=True, network_mode="none", decode=True)
    said = list(built)
    assert not [line for line in said if "error" in line], said
    try:
        yield tag
    finally:
        engine.remove_image(tag, force=True)


async def refusal(image: str) -> str:
    backend = DockerBackend(LIMITS, image=image)
    try:
        async with Session.open(backend) as session:
            with pytest.raises(SandboxUnavailable) as caught:
                await python(session, "1")
    finally:
        await backend.aclose()
    return str(caught.value)


OLD_PYTHON = r"""RUN printf '%s\n' '#!/bin/sh' 'shift 3; code=$1; shift' \
    'exec /usr/bin/python3 -c "import sys; sys.version_info = (3, 8, 18); exec(sys.argv.pop(1))" \
    "$code" "$@"' > /opt/venv/bin/python3.old && chmod +x /opt/venv/bin/python3.old \
    && mv /opt/venv/bin/python3.old /opt/venv/bin/python3"""


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("ENV PATH=/nowhere", "has no python3 on its PATH"),
        ("RUN rm -f /bin/bash /usr/bin/bash", "there is no bash"),
        (OLD_PYTHON, "its python3 is 3.8"),
        ("VOLUME /data", "declares volumes (/data)"),
    ],
    ids=["no python", "no bash", "an old python", "a volume"],
)
async def test_an_image_that_no_session_can_have_is_refused(
    engine: APIClient, lines: str, said: str
) -> None:
    with derived(engine, lines) as image:
        assert said in await refusal(image)


async def test_what_an_image_would_run_and_say_is_not_used(engine: APIClient) -> None:
    lines = 'ENTRYPOINT ["false"]\nCMD ["false"]\nENV SECRET=canary\nHEALTHCHECK CMD false'
    with derived(engine, lines) as image:
        backend = DockerBackend(LIMITS, image=image)
        async with Session.open(backend) as session:
            execution = await python(session, "import os\n'SECRET' in os.environ")
        await backend.aclose()

    assert execution.value == "False"


async def test_the_own_image_is_never_pulled(
    engine: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = f"bellglass-test:{secrets.token_hex(6)}"
    monkeypatch.setattr(images, "IMAGE", missing)

    assert "run `bellglass image build`" in await refusal(missing)


async def test_a_named_image_that_cannot_be_pulled_is_told(engine: APIClient) -> None:
    # Port 9 of the loopback, where nothing listens: no other machine is asked.
    assert ", and it cannot be pulled" in await refusal("127.0.0.1:9/none:latest")
