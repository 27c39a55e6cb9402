"""The process that runs a model's code. What it says is a claim that the supervisor validates."""
