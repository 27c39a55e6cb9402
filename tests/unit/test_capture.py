"""Capture of output: the head and the tail are kept."""

from bellglass.sandboxes.supervisor.background.output import Output
from bellglass.sandboxes.supervisor.capture import Capture

BELL = "\N{BELL}".encode()


def test_no_cut_lies_inside_a_character() -> None:
    for kept in range(8, 24):
        for before in range(4):
            capture = Capture("/nowhere/file", kept, 0)
            for byte in b"x" * before + BELL * 30 + "é".encode() * 3:
                capture.add(bytes([byte]))
            report = capture.report()

            assert "\ufffd" not in report["text"]
            text = report["text"].replace(
                f"\n[… {report['cut_bytes']} of {report['total_bytes']} bytes omitted …]\n", ""
            )
            assert len(text.encode()) + report["cut_bytes"] == report["total_bytes"]


def test_a_character_that_is_half_there_waits_for_the_rest(tmp_path: object) -> None:
    output = Output(f"{tmp_path}/out", 1000, 1000)
    output.add(b"one " + BELL[:2])
    first = output.read()["text"]
    output.add(BELL[2:] + b" two " + BELL[:1])
    output.close()

    assert first == "one "
    assert output.read()["text"] == "\N{BELL} two \ufffd"


def test_what_is_no_text_is_kept_all_the_same() -> None:
    capture = Capture("/nowhere/file", 10, 0)
    capture.add(b"\x80" * 40)
    report = capture.report()

    assert report["cut_bytes"] == 30
    assert report["text"].count("\ufffd") == 10
