"""What of a workload is kept in backups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict

BACKUP_LABELS = {"app.kubernetes.io/name": "backup"}
"""What pods carry that make backups and bring them back, and that a database lets in."""

BACKUP_PODS, BACKUP_MEMORY = 2, "1Gi"
"""One pod that makes a backup and one that brings one back, each of so much at most."""


@dataclass(frozen=True, kw_only=True)
class PostgresDatabase:
    """A database whose user has its name; `login` is the Secret that has the password under `key`."""

    host: str
    port: int
    name: str
    login: pulumi.Input[str]
    key: str
    size: str
    peer: NetworkPolicyPeerArgsDict


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Volumes by claim, each with the folder that shows it, and a database, all of one namespace.

    `beside` are labels of the pod that holds the volumes where one node at a time may mount them; `after` brings all.
    """

    namespace: str
    folders: Mapping[str, str] = field(default_factory=dict[str, str])
    database: PostgresDatabase | None = None
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    after: Sequence[pulumi.Resource] = ()
