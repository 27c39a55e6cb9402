"""The image of Docker sessions: its name, its base and its labels."""

IMAGE = "bellglass/sandbox:latest"
"""The image that `bellglass image build` makes and the docker backend uses by default."""

BASE = "python:3.13-slim"
"""The default base of the Dockerfile: Debian with CPython and Bash."""

RECIPE_LABEL = "bellglass.recipe"
"""Label of an image that we built: a digest of the Dockerfile and the list of packages."""

BASE_LABEL = "bellglass.base"
"""Label of an image that we built: its base image."""
