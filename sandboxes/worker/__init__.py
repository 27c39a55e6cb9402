"""The process that runs a model's code; the supervisor validates everything that it sends."""
