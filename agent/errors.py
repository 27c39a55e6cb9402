"""What can go wrong around an attempt to solve a task.

* SolvingError
  + ModelFailed
    - ModelUnavailable
    - RecordingMismatch
  + ServerUnavailable
  + DataRefused

Code that fails is none of these: it is what the agent repairs, or says honestly.
"""


class SolvingError(Exception):
    """The task could not be worked on; the text says what to do next."""


class ModelFailed(SolvingError):
    """The model gave no answer this time."""


class ModelUnavailable(ModelFailed):
    """There is no such model for us: it, its key or its library is missing."""


class RecordingMismatch(ModelFailed):
    """A recording has no answer to what was asked."""


class ServerUnavailable(SolvingError):
    """No bellglass server answers, or it refuses to work."""


class DataRefused(SolvingError):
    """A file that was given cannot be used."""
