"""The image that Docker sessions run in: its name, and what it is built from."""

IMAGE = "bellglass/sandbox:latest"
"""What `bellglass image build` makes and the docker sandbox uses, unless told another."""

BASE = "python:3.13-slim"
"""What the Dockerfile starts from, unless told another: Debian with CPython and Bash."""

RECIPE_LABEL = "bellglass.recipe"
"""Label of an image that we built: a digest of what it was made by."""

BASE_LABEL = "bellglass.base"
"""Label of an image that we built: the image that it was made from."""
