"""Types of all messages between server, supervisor and worker.

    server       requests: Call, Cancel, AskRuns, Resume, OpenNetwork, NetRequest
    supervisor   frames: Ready, Stream, Net, Note, Tick, Reply
    supervisor   packets to a worker: RunCode, BeginRun, PipesTaken, TakeCheckpoint, Displayed
    worker       packets of claims: Started, Answer, Show, Clear, Rested, RunBegun, PipesMade

The sender builds such a value once. A receiver that trusts the sender less validates it first: the
server with the models of `sandboxes/frame_models.py`, the supervisor with `untrusted.py`. A test
compares those models with these types field by field.

Classes with `total=False` have the optional fields: Python 3.9 has no `NotRequired`. Creating these
types takes 30 ms, and nothing needs them at run time: import them under TYPE_CHECKING, and write
values as dict displays.
"""
