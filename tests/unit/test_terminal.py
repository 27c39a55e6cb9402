"""Output that was meant for a terminal, as a model reads it."""

import time

import pytest

from bellglass.tools.terminal import as_shown, counted, one_line

SHOWN = [
    ("plain\ttext \n  with blanks  \n", "plain\ttext \n  with blanks  \n"),
    ("\r".join(f"{n:3}%|{'#' * n}" for n in range(101)) + "\ndone\n", f"100%|{'#' * 100}\ndone\n"),
    ("abc\rX\n", "Xbc\n"),
    ("loading\r       \rdone\n", "done\n"),
    ("loading\r\x1b[Kdone\n", "done\n"),
    ("line\r\nnext\r\n", "line\nnext\n"),
    ("wrong\b\b\b\b\bright", "right"),
    ("\x1b[1;31mred\x1b[0m and \x1b[38;5;208morange\x1b[m", "red and orange"),
    ("\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("a: 0%\nb: 0%\n\x1b[2A\ra: 100%\n\x1b[Kb: 50%\n", "a: 100%\nb: 50%\n"),
    ("one\ntwo\nthree\n\x1b[3A\x1b[J1\n", "1\n"),
    ("before\n\x1b[2J\x1b[Hframe 1\n\x1b[H\x1b[2Jframe 2\n", "before\nframe 2\n"),
    ("before\n\x1b[?1049h\x1b[Htext of an editor\x1b[?1049lafter\n", "before\nafter\n"),
    ("a\x1b[3Cb", "a   b"),
    ("\x1b(Bplain\x1b7 \x1b8.", "plain."),
    ("\x07bell \x01\x02 \x84", "bell \\x01\\x02 \\x84"),
    ("never ended \x1b]0;title\nnext", "never ended 0;title\nnext"),
    ("cut in a sequence \x1b[3", "cut in a sequence 3"),
]


@pytest.mark.parametrize(("written", "shown"), SHOWN)
def test_output_is_as_a_terminal_would_show_it(written: str, shown: str) -> None:
    assert as_shown(written) == shown


def test_lines_that_come_again_are_counted() -> None:
    warning = "findfont: Font family 'SimHei' not found.\n"
    block = "w.py:1: UserWarning: odd\n  f()\n"

    assert counted(f"a\n{warning * 813}b") == f"a\n{warning}[… repeated 812 more times …]\nb"
    assert counted(block * 100) == f"{block}[… the last 2 lines repeated 99 more times …]\n"


@pytest.mark.parametrize(
    "text",
    [
        "hello\n" * 5,
        "[0 0 0 0 0 0 0 0 0 0]\n" * 50,
        "\n" * 500,
        "".join(f"{n} a\n" for n in range(99)),
    ],
    ids=["few", "numbers", "empty", "different"],
)
def test_other_lines_are_not(text: str) -> None:
    assert counted(text) == text


def test_one_line_is_one_line() -> None:
    assert one_line("a\nsession_id: b\r\x1b[2Jc\u2028d") == "a session_id: b \\x1b[2Jc d"


WORST = {
    "colours": "\x1b[m",
    "erasing": "x" * 9 + "\x1b[1K",
    "clearing": "\x1b[2J",
    "moving right": "\x1b[500Cx\n",
    "moving anywhere": "\x1b[99999;500Hx",
    "moving up": "\n\n\n\x1b[9999A\x1b[J",
    "strings without an end": "\x1b]",
    "other strings without an end": "\x9d",
    "sequences without an end": "\x1b[0",
    "the other screen": "\x1b[?1049h\x1b[?1049l",
    "repeats that are too short": "a\n" * 140 + "b\n",
    "repeats of nothing": "\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("piece", WORST.values(), ids=WORST)
def test_the_work_grows_with_the_text(piece: str) -> None:
    def cost(length: int) -> float:
        text = (piece * length)[:length]
        best = 9.0
        for _ in range(5):
            started = time.thread_time()
            shown = as_shown(text)
            counted(shown)
            counted(text)
            best = min(best, time.thread_time() - started)
            assert len(shown) < 5 * length
        return best

    assert cost(80_000) < 8 * 2.5 / 2 * max(cost(10_000), 0.002)
