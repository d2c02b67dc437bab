"""What the program knows of a cloud, and what a cloud knows of the stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

from infra.clusters.cluster import Cluster
from infra.clusters.draining import Drains
from infra.endpoint import Endpoint
from infra.images.registry import Registry
from infra.settings import StackSettings


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The stack's settings, its name in every cloud (`project-stack`), the tags of all it makes.

    And what its controllers end after: registered also where there is no cluster any more, `Drains` says why.
    """

    settings: StackSettings
    name: str
    tags: Mapping[str, str]
    drains: Drains


class Cloud(Protocol):
    """Where registries, clusters and managed endpoints come from."""

    @property
    def name(self) -> str:
        """Logical name, unique in the stack."""
        ...

    @property
    def registry(self) -> Registry | None:
        """Where what runs in this cloud pulls the image from; None in a stack without an image."""
        ...

    def clusters(self) -> Sequence[Cluster]:
        """Make the clusters that the stack's settings ask for."""
        ...

    def endpoints(self, image: pulumi.Input[str], after: Sequence[pulumi.Resource]) -> Mapping[str, Endpoint]:
        """Make the managed endpoints, by logical name, that the stack's settings ask for, with their alarms.

        `after` are the add-ons of the cloud's clusters, for endpoints that live there.
        """
        ...
