"""`bellglass doctor` says the same to a person and to a program, and passes on nothing raw."""

import json
from pathlib import Path
from typing import Any

from commands.support import bellglass

FORGING = "\x1b]0;title\x07\u202e"


def test_a_program_is_told_what_a_person_is() -> None:
    shown = bellglass("doctor")
    told = bellglass("doctor", "--json")

    report: dict[str, Any] = json.loads(told.stdout)
    assert (shown.returncode, told.returncode) == (0, 0)
    assert f"Code runs on the {report['usable']} backend." in shown.stdout
    assert f"memory {report['limits']['memory_mib']} MiB" in shown.stdout
    assert f"Network: {report['network']['mode']}\n" in shown.stdout
    for backend in report["backends"]:
        mark = "yes" if backend["works"] else "-- "
        assert f"\n{mark} {backend['name']}: " in shown.stdout
        for name, version in backend["packages"].items():
            assert (f"{name} {version}" if version else f"no {name}") in shown.stdout
        for finding in backend["findings"]:
            assert f" {finding['what']}: " in shown.stdout
    embedded = next(each for each in report["backends"] if each["name"] == "embedded")
    assert embedded["packages"]["numpy"]
    assert embedded["first_run_ms"] > 0
    assert {finding["what"] for finding in embedded["findings"]} >= {"launcher", "namespaces"}


def test_what_is_not_ours_is_bounded_and_escaped() -> None:
    settings = {
        "BELLGLASS_NETWORK": "allow-list",
        "BELLGLASS_NETWORK_HOSTS": ",".join(f"host-{n}.example" for n in range(3000)),
        "BELLGLASS_PACKAGE_DIR": f"/nowhere{FORGING}",
    }
    shown = bellglass("doctor", settings=settings)
    told = bellglass("doctor", "--json", settings=settings)

    for done in (shown, told):
        assert "\x1b" not in done.stdout
        assert "\u202e" not in done.stdout
        assert len(done.stdout) < 30_000
    details = json.loads(told.stdout)["network"]["details"]
    assert any(FORGING in detail for detail in details)


def test_a_plug_in_that_breaks_costs_the_others_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from bellglass.sandboxes.backend import Backend\n"
        "class Broken(Backend):\n"
        "    def __init__(self, limits, *given, **named): 1 / 0\n"
        "    def connect(self, session_id): raise NotImplementedError\n"
    )
    about = tmp_path / "broken-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[bellglass.sandboxes]\nbroken = broken:Broken\n")

    done = bellglass("doctor", "--json", settings={"PYTHONPATH": str(tmp_path)})

    backends = {each["name"]: each for each in json.loads(done.stdout)["backends"]}
    assert not backends["broken"]["works"]
    assert "ZeroDivisionError: division by zero" in backends["broken"]["reason"]
    assert backends["embedded"]["works"]


def test_a_backend_that_was_asked_for_and_does_not_work_is_a_failure() -> None:
    asked = {"DOCKER_HOST": "unix:///nothing", "NO_COLOR": "1"}
    shown = bellglass("doctor", "--sandbox", "docker", settings=asked)

    assert shown.returncode == 1
    assert "\nno  docker: " in shown.stdout
    assert "\n--  e2b: not set up, which is optional: " in shown.stdout
    last = shown.stdout.splitlines()[-1]
    assert last.startswith(
        "docker does not work here, so the server will refuse to run code. These"
    )
    assert "embedded" in last
