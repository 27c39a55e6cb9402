"""An assembler for programs of classic BPF, that judge system calls."""

from __future__ import annotations

import struct

# include/uapi/linux/bpf_common.h: class | size or operation | mode or source
LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP = 0x05  # BPF_JMP | BPF_JA
EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

# struct seccomp_data; both architectures are little-endian: the low half of an argument is first
NUMBER_OFFSET = 0
ARCHITECTURE_OFFSET = 4


def argument_at(index: int) -> int:
    return 16 + 8 * index


class Assembler:
    """Turns instructions with labels into a program with relative jumps."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, str, str]] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        assert name not in self._labels
        self._labels[name] = len(self._lines)

    def emit(self, code: int, value: int, then: str = "", otherwise: str = "") -> None:
        """Add an instruction; an empty label means the next one."""
        self._lines.append((code, value, then, otherwise))

    def _distance(self, line: int, label: str) -> int:
        if not label:
            return 0
        distance = self._labels[label] - line - 1
        assert distance >= 0  # a filter cannot jump back
        return distance

    def program(self) -> bytes:
        packed = []
        for line, (code, value, then, otherwise) in enumerate(self._lines):
            if code == JUMP:
                packed.append(struct.pack("<HBBI", code, 0, 0, self._distance(line, then)))
            else:
                jumps = self._distance(line, then), self._distance(line, otherwise)
                packed.append(struct.pack("<HBBI", code, *jumps, value))
        return b"".join(packed)
