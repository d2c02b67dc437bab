"""Manifests of two revisions, object by object."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from infra.preview.manifests import Manifest

_NUMBER = re.compile(r"^\d+-")
"""The place of a file in the order to apply in, which moves when others come and go."""
_OWN_NAME = re.compile(r"(?<= -f )\d+-")
_NAMESPACE = re.compile(r"^metadata:\n(?:  .*\n)*?  namespace: (\S+)$", re.MULTILINE)


def by_object(files: Iterable[Manifest]) -> dict[str, str]:
    """The texts of a plan's manifests, by cluster, namespace, kind and name."""
    return _named((file.path, file.text) for file in files)


def read(folder: Path) -> dict[str, str]:
    """The same for those that a preview wrote into `folder`."""
    return _named((path.relative_to(folder), path.read_text(encoding="utf-8")) for path in folder.rglob("*.yaml"))


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield a unified diff of each object that differs, in the order of their names."""
    for name in sorted({*before, *after}):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            yield "\n".join(_unified(name, old, new))


def _unified(name: str, old: str, new: str) -> Iterator[str]:
    first, second = (name if text else "/dev/null" for text in (old, new))
    yield from difflib.unified_diff(old.splitlines(), new.splitlines(), first, second, lineterm="")


def _named(files: Iterable[tuple[Path, str]]) -> dict[str, str]:
    return {_name(path, text): _OWN_NAME.sub("", text, count=1) for path, text in files}


def _name(path: Path, text: str) -> str:
    """Objects of one kind and name differ by namespace; a chart's values have none."""
    found = None if path.parent.name == "charts" else _NAMESPACE.search(text)
    return str(path.parent / (found[1] if found else "") / _NUMBER.sub("", path.name))
