"""The plan's Kubernetes objects as files for `kubectl apply -f`, and its charts' values as files for `helm`."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from infra.preview.markers import MARKER, holds_secret, is_secret, markers_in
from infra.preview.plan import Plan, Resource
from infra.preview.wire import Plain

RELEASE = "kubernetes:helm.sh/v3:Release"
OWN_FILES = re.compile(r"\d+-.*\.yaml")

# Text that kubectl's YAML 1.1 parser reads as a number or a boolean and PyYAML would leave bare.
_AMBIGUOUS = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|0o[0-7]+|[yYnN]")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One file: a Kubernetes object, or the values of a chart."""

    resource: Resource
    path: Path
    document: Mapping[str, Plain]
    header: str = ""

    @property
    def text(self) -> str:
        """The file's content."""
        return self.header + yaml.dump(self.document, Dumper=_Dumper, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes long text as blocks, quotes what kubectl could take for a number, repeats instead of using anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _AMBIGUOUS.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _represent_text)


def is_object(resource: Resource) -> bool:
    """Tell whether the resource is one Kubernetes object that the program states (a chart is many)."""
    return resource.type.startswith("kubernetes:") and "kind" in resource.inputs and resource.type != RELEASE


def manifests(plan: Plan) -> list[Manifest]:
    """Return a file for each Kubernetes object and each chart, numbered per cluster in the order to apply them in.

    Objects and charts share the numbers: a chart needs its namespace, and custom resources need the chart that
    defines them.
    """
    wanted = [resource for resource in plan.resources if is_object(resource) or resource.type == RELEASE]
    files: list[Manifest] = []
    for cluster in sorted({resource.provider_name for resource in wanted}):
        own = [resource for resource in wanted if resource.provider_name == cluster]
        width = max(2, len(str(len(own))))
        files += [_file(resource, Path(cluster), f"{number:0{width}}") for number, resource in enumerate(own, start=1)]
    return files


def write(files: list[Manifest], folder: Path) -> None:
    """Write `files` below `folder` and remove what an earlier run wrote there; other files stay."""
    for stale in [*folder.glob("*/*.yaml"), *folder.glob("*/charts/*.yaml")]:
        if OWN_FILES.fullmatch(stale.name):
            stale.unlink()
    for file in files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text, encoding="utf-8")
    for left in sorted(folder.glob("**/"), reverse=True):
        if not any(left.iterdir()):
            left.rmdir()


def kubernetes_object(resource: Resource) -> dict[str, Plain]:
    """Return the object as the API server gets it: its name set, Pulumi's own annotations left out."""
    metadata: dict[str, Plain] = dict(resource.inputs.get("metadata") or {})
    metadata.setdefault("name", resource.outputs["metadata"].get("name"))
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if "pulumi.com/" not in key}
    if annotations:
        metadata["annotations"] = annotations
    return {**resource.inputs, "metadata": metadata}


def _file(resource: Resource, folder: Path, number: str) -> Manifest:
    return (_values_file if resource.type == RELEASE else _object_file)(resource, folder, number)


def _object_file(resource: Resource, folder: Path, number: str) -> Manifest:
    document = kubernetes_object(resource)
    name = str(document["metadata"]["name"])
    name = resource.name if MARKER.search(name) else name
    return Manifest(
        resource=resource,
        path=folder / _file_name(f"{number}-{document['kind'].lower()}-{name}.yaml"),
        document=document,
        header=_comment(_missing(document)),
    )


def _missing(document: Mapping[str, Plain]) -> Iterator[str]:
    """What keeps the file from being applied as it is; the API server would take most markers for text."""
    if holds_secret(document):
        yield "The secret values are left out: put them in before you apply this."
    if known_later := sorted(marker for marker in markers_in(document) if not is_secret(marker)):
        yield f"Known only after `up`, or with --set: {', '.join(known_later)}"


def _values_file(resource: Resource, folder: Path, number: str) -> Manifest:
    path = folder / "charts" / _file_name(f"{number}-{resource.name}.values.yaml")
    values: Mapping[str, Plain] = resource.inputs.get("values") or {}
    header = _comment([helm_command(resource, path.name), *_missing(values)])
    return Manifest(resource=resource, path=path, document=values, header=header)


def _comment(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)


def helm_command(resource: Resource, values: str) -> str:
    """Return the `helm` command that installs the release with the values file `values`."""
    inputs = resource.inputs
    repository: Mapping[str, Plain] = inputs.get("repositoryOpts") or {}
    options = {
        "--repo": repository.get("repo"),
        "--version": inputs.get("version"),
        "--namespace": inputs.get("namespace"),
        "--timeout": f"{inputs['timeout']}s" if "timeout" in inputs else None,
    }
    flags = {
        "createNamespace": "--create-namespace",
        "skipCrds": "--skip-crds",
        "atomic": "--atomic",
        "cleanupOnFail": "--cleanup-on-fail",
    }
    words = ["helm", "upgrade", "--install", str(resource.outputs.get("name", resource.name)), str(inputs.get("chart"))]
    words += [word for option, value in options.items() if value for word in (option, str(value))]
    words += [flag for key, flag in flags.items() if inputs.get(key) is True]
    return shlex.join([*words, "-f", values])


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)
