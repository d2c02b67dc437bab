"""Resources that are in no row: they are free, or billed by what goes through them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.cost.charges import CHARGED
from infra.machines import AGENT_POOL, ENDPOINT_CONFIGURATION, NODE_GROUP, NODE_POOL, ONLINE_DEPLOYMENT
from infra.preview.plan import Resource

COUNTED = frozenset({NODE_GROUP, NODE_POOL, AGENT_POOL, ENDPOINT_CONFIGURATION, ONLINE_DEPLOYMENT})
"""Whose machines are counted."""

_ON_NODES_OR_HERE = frozenset({"kubernetes", "docker-build", "docker", "random"})
"""Packages whose resources run on nodes that are counted, or on this machine."""


def used() -> Mapping[str, str]:
    """What is billed by use alone, by resource type."""
    return _table()["byUse"]


def is_known(resource: Resource) -> bool:
    """Whether it is known what the resource is billed for, if anything."""
    if not resource.custom or resource.is_provider or resource.package in _ON_NODES_OR_HERE:
        return True
    return resource.type in COUNTED | CHARGED.keys() | used().keys() | set(_table()["free"])


@cache
def _table() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
