"""A repository that somebody else made."""

import pulumi
from pulumi_docker_build import RegistryArgsDict


class GivenRepository:
    """`host/path` of a registry that Docker is logged in to; satisfies `infra.images.registry.Registry`."""

    repository_url: pulumi.Output[str]

    def __init__(self, repository: str) -> None:
        self.repository_url = pulumi.Output.from_input(repository)

    def login(self) -> RegistryArgsDict | None:
        """None: a push goes with Docker's own login."""
        return None
