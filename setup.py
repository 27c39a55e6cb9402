"""What pyproject.toml cannot say: each top-level folder, with every folder in it, is a package."""

from setuptools import find_namespace_packages, setup

FOLDERS = ("server", "tools", "sandboxes", "agent")

setup(
    packages=[
        f"bellglass.{package}"
        for folder in FOLDERS
        for package in find_namespace_packages(include=[folder, f"{folder}.*"])
    ],
    package_dir={f"bellglass.{folder}": folder for folder in FOLDERS},
)
