"""Settings of the docker backend."""

from pydantic import Field

from bellglass.sandboxes.backend_settings import BackendSettings
from bellglass.sandboxes.backends.docker.image import IMAGE


class DockerSettings(BackendSettings):
    image: str = Field(
        IMAGE,
        description="Image of the containers: any with Python 3.9 or newer, and Bash. One that "
        "you name is pulled if the engine lacks it; `bellglass image build` makes the default.",
    )
    host: str | None = Field(
        None,
        description="Address of the Docker engine, as in `DOCKER_HOST`. Default: what the `docker` "
        "command uses.",
    )
    runtime: str | None = Field(
        None, description="Runtime of the containers, such as `runsc`. Default: the engine's."
    )
    cpus: float = Field(
        2,
        ge=0.1,
        allow_inf_nan=False,
        description="Processors that a container may use, at most those that the engine has.",
    )
