"""What a model image needs from a registry, whichever cloud runs it."""

from typing import Protocol

import pulumi
from pulumi_docker_build import RegistryArgsDict

BUILD_CACHE_PREFIX = "cache-"
"""Tags that begin so hold build caches and may move; all others name an image for good."""


class Registry(Protocol):
    """One repository of one container registry, which the targets of one cloud may pull from."""

    @property
    def repository_url(self) -> pulumi.Output[str]:
        """`host/path` without tag."""
        ...

    def login(self) -> RegistryArgsDict | None:
        """Credentials for a push, asked for only when the program itself builds; None leaves it to Docker's own."""
        ...
