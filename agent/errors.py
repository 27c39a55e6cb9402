"""Errors of the agent.

* SolvingError
  + ModelFailed
    - ModelUnavailable
    - RecordingMismatch
  + ServerUnavailable
  + DataRefused

Code that fails is not an error here: the agent repairs it, or reports that it failed.
"""


class SolvingError(Exception):
    """The task could not be worked on; the message says what to do next."""


class ModelFailed(SolvingError):
    """The model did not answer this time."""


class ModelUnavailable(ModelFailed):
    """The model cannot be used: the model, its key or its library is missing."""


class RecordingMismatch(ModelFailed):
    """A recording has no answer to this prompt."""


class ServerUnavailable(SolvingError):
    """No bellglass server answers, or it refuses the call."""


class DataRefused(SolvingError):
    """A file of the task cannot be used."""
