"""Displays that are made to break whatever keeps, orders or draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.execution import Picture

if TYPE_CHECKING:
    from security.support import Target

pytestmark = pytest.mark.once

FORGE = """
import base64, itertools
numbers = itertools.count(7)
def forge(data=None, text="forged", type="image/png", more={}, **changes):
    encoded = data if data is None or isinstance(data, str) else base64.b64encode(data).decode()
    entry = {"kind": "picture", "type": type, "data": encoded, "text": text, **changes}
    about = {"type": "display", "nonce": own_nonce(), "number": next(numbers), **more}
    own_control().send({**about, "display": entry})
"""

PICTURES = {
    "garbage after the signature": r"forge(b'\x89PNG\r\n\x1a\n' + b'A' * 1000)",
    "a bomb": (
        "import zlib, struct\n"
        "def part(name, data):\n"
        "    whole = name + data\n"
        "    return struct.pack('>I', len(data)) + whole + struct.pack('>I', zlib.crc32(whole))\n"
        "head = struct.pack('>IIBBBBB', 100_000, 100_000, 1, 0, 0, 0, 0)\n"
        "data = zlib.compress(bytes(10_000_000))\n"
        r"forge(b'\x89PNG\r\n\x1a\n' + part(b'IHDR', head) + part(b'IDAT', data) + "
        "part(b'IEND', b''))"
    ),
    "an SVG that says it is a PNG": "forge(b'<svg onload=alert(1)>')",
    "a JPEG without a picture": r"forge(b'\xff\xd8\xff\xd9', type='image/jpeg')",
    "text instead of base64": "forge('iVBORw0KGgo!!')",
    "no type that is known": r"forge(b'\x89PNG\r\n\x1a\n', type='text/html')",
    "a megabyte": r"forge(b'\x89PNG\r\n\x1a\n' + bytes(3_000_000))",
    "a file of the server": "forge(file='/etc/passwd', file_bytes=10 ** 30)",
    "a file out of /tmp": "forge(file='/tmp/picture-1-1.png/../../etc/passwd')",
    "another kind": "forge(kind='script')",
    "no text": "forge(text=['x'])",
    "a deep table": "forge(kind='table', columns=[{}], rows=eval('[' * 80 + ']' * 80))",
    "a table of odd cells": (
        "forge(kind='table', columns=[7, {'name': 9}], "
        "rows=[[float('nan'), 10 ** 400, {}, '\\ud800' * 9]], total_rows=-4)"
    ),
}


@pytest.mark.parametrize("how", PICTURES)
async def test_forged_display_is_dropped_or_shows_nothing(lasting: Target, how: str) -> None:
    execution = await lasting.python(f"{FORGE}\n{PICTURES[how]}\n'went on'")

    assert execution.value == "'went on'"
    assert all(
        display.file is None and (not isinstance(display, Picture) or display.data is None)
        for display in execution.displays
    )
    execution.model_dump_json().encode()


async def test_flood_of_displays_is_bounded_and_nothing_is_lost(lasting: Target) -> None:
    execution = await lasting.python(
        """
class Short:
    def __init__(self, number): self.number = number
    def __repr__(self): return f"Short({self.number})"
    def _repr_html_(self): return "<i>x</i>"
for number in range(10_000):
    display(Short(number))
"""
    )

    assert execution.status == "ok"
    assert len(execution.displays) == 32
    assert execution.displays[-1].text.startswith("Short(31)")
    assert execution.stdout.text.startswith("Short(32)\n")
    assert "Short(9999)" in execution.stdout.text


async def test_flood_of_packets_without_reading_the_answers_stalls_nobody(
    lasting: Target,
) -> None:
    execution = await lasting.python(
        f"{FORGE}\nfor _ in range(10_000): forge(kind='rich', type='text/html', data='x' * 100)",
        timeout=20,
    )

    assert execution.status == "ok"
    assert len(execution.displays) == 32


@pytest.mark.parametrize("place", ["7", "10 ** 300", "-1", "'7'", "[7]", "None", "next(numbers)"])
async def test_displays_that_are_replaced_stay_within_the_bounds(
    lasting: Target, place: str
) -> None:
    code = f"""{FORGE}
for at in range(300):
    data = 'x' * (50_000 if at % 2 else 1)
    forge(kind='rich', type='text/html', data=data, more={{'in_place_of': {place}}})
"""
    execution = await lasting.python(code, timeout=20)

    assert execution.status == "ok"
    assert len(execution.displays) <= 32
    assert len(execution.model_dump_json()) < 600_000


async def test_huge_markup_costs_memory_at_most(lasting: Target) -> None:
    execution = await lasting.python(
        """
class Huge:
    def _repr_html_(self): return "x" * 1_000_000_000
display(Huge())
class Large:
    def _repr_html_(self): return "<b>" * 20_000_000
display(Large())
'went on'
"""
    )

    # The limit is the session's: what is refused memory says so, what is ended was over it.
    assert execution.value == "'went on'" or execution.status == "oom"
    assert sum(len(display.text) for display in execution.displays) < 10_000


@pytest.mark.parametrize("method", ["_repr_png_", "_repr_html_", "_repr_mimebundle_"])
async def test_method_that_does_not_return_meets_the_time_limit(
    lasting: Target, method: str
) -> None:
    execution = await lasting.python(
        f"""
print('before')
class Slow:
    def {method}(self, *arguments, **options):
        while True: pass
Slow()
""",
        timeout=1,
    )

    assert execution.status == "timeout"
    assert execution.state == "kept"
    assert execution.stdout.text == "before\n"


async def test_processes_and_threads_show_without_mixing_up_answers(lasting: Target) -> None:
    execution = await lasting.python(
        """
class Short:
    def __init__(self, name): self.name = name
    def __repr__(self): return self.name
    def _repr_html_(self): return self.name
child = os.fork()
if child == 0:
    for _ in range(100): display(Short("child"))
    sys.stdout.flush()
    os._exit(0)
threads = [threading.Thread(target=lambda: [display(Short("thread")) for _ in range(3)])
           for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
os.waitpid(child, 0)
display(Short("parent"))
"""
    )
    after = await lasting.python("display('next')\n'in step'")

    assert execution.status == "ok"
    shown = [display.text.partition("\n")[0] for display in execution.displays]
    assert sorted(shown) == ["parent", *["thread"] * 12]
    assert execution.stdout.text.count("child\n") == 100
    assert (after.stdout.text, after.value) == ("'next'\n", "'in step'")


async def test_thread_of_an_earlier_call_shows_nothing(lasting: Target) -> None:
    await lasting.python(
        """
class Short:
    def _repr_html_(self): return "late"
go = threading.Event()
def late():
    go.wait()
    while True:
        display(Short())
threading.Thread(target=late, daemon=True).start()
"""
    )
    execution = await lasting.python("go.set(); time.sleep(0.2)\n'done'")

    assert execution.value == "'done'"
    assert execution.displays == []
    assert execution.stdout.text == ""
