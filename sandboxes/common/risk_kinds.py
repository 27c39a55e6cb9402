"""The kinds of risk, as results and policies name them."""

from __future__ import annotations

READS = "reads files"
WRITES = "writes files"
DELETES = "deletes files"
PROCESS = "starts processes"
SIGNALS = "ends or signals processes"
NETWORK = "opens the network"
EVALUATES = "evaluates strings"
IMPORTS = "imports dynamically"
ENVIRONMENT = "touches the environment"
UNSAFE_DATA = "deserialises unsafely"
PERMISSIONS = "changes permissions"
INTERPRETER = "reaches into the interpreter"
DYNAMIC = "looks names up dynamically"
DEVICES = "writes to devices"
PRIVILEGES = "asks for privileges"

KINDS = (
    *(READS, WRITES, DELETES, PROCESS, SIGNALS, NETWORK, EVALUATES, IMPORTS, ENVIRONMENT),
    *(UNSAFE_DATA, PERMISSIONS, INTERPRETER, DYNAMIC, DEVICES, PRIVILEGES),
)
