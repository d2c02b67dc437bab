"""The Kubernetes objects of whole stacks, as an API server gets them after `up`."""

import re
import runpy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.preview import Plan, run, stack_file
from infra.preview.manifests import RELEASE, manifests
from infra.preview.markers import MARKER, is_secret, whole_marker
from infra.preview.wire import Plain, is_list, is_map

ROOT = Path(__file__).parents[2]
IMAGE = "registry.example.com/model-server"
DIGEST = "sha256:" + "0" * 64

_KNOWN: Mapping[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "list": [], "map": {}, "object": {}}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A plan and the objects of each of its clusters, in the order in which `up` makes them."""

    plan: Plan
    objects: Mapping[str, list[dict[str, Any]]]
    charts: Mapping[str, list[str]]


def shipped(name: str, changes: Mapping[str, Mapping[str, Any]] | None = None, without: Collection[str] = ()) -> Stack:
    """The stack of `Pulumi.<name>.yaml`, with settings added to its blocks, and some blocks left out."""
    stack = stack_file.load(ROOT, name)
    config = {key: value for key, value in stack.config.items() if key.rpartition(":")[2] not in without}
    for block, settings in (changes or {}).items():
        key = f"{stack.project}:{block}"
        config[key] = merged(config.get(key, {}), settings)
    return planned(stack.project, name, config)


def planned(project: str, name: str, config: Mapping[str, Any]) -> Stack:
    """The program run with these settings."""
    plan = run(_program, config, name, project=project)
    files = manifests(plan)
    clusters = sorted({file.resource.provider_name for file in files})
    return Stack(
        plan=plan,
        objects={
            cluster: [known(file.document) for file in files if _is_object_of(file.resource, cluster)]
            for cluster in clusters
        },
        charts={
            cluster: [str(each.name) for each in plan.of_type(RELEASE) if each.provider_name == cluster]
            for cluster in clusters
        },
    )


def merged(old: Any, new: Any) -> Any:
    """`old` with `new` put in, block by block."""
    if not (is_map(old) and is_map(new)):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def known(value: Plain) -> Any:
    """`value` with something of the right type and form in place of what only `up` would know."""
    if is_map(value):
        return {key: known(item) for key, item in value.items()}
    if is_list(value):
        return [known(item) for item in value]
    if not isinstance(value, str):
        return value
    if (found := whole_marker(value)) and found["type"] in _KNOWN:
        return _KNOWN[found["type"]]
    if "image.digest" in value:
        return f"{IMAGE}@{DIGEST}"
    return MARKER.sub(lambda match: "a-secret" if is_secret(match.group()) else _word(match["path"]), value)


def _word(path: str) -> str:
    """The same word for the same output, good for a name."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")


def _is_object_of(resource: Any, cluster: str) -> bool:
    return resource.provider_name == cluster and resource.type != RELEASE


def _program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
