"""Values given for what only `up` would know: `registry.repositoryUrl=...`."""

import difflib
import re
import threading
from collections.abc import Mapping
from typing import Any

import yaml

from infra.preview.errors import OverrideError
from infra.preview.markers import leaves, markers_in, whole_marker
from infra.preview.wire import Plain, Secret, is_list, is_map

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "object": (dict,),
}


class Overrides:
    """Outputs given by hand: `<logical name>.<property path>`, or `<type>::<logical name>.<path>` among namesakes."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._filled: dict[str, list[str]] = {key: [] for key in values}
        self._markers: set[str] = set()
        self._lock = threading.Lock()

    def fill(self, type_: str, name: str, outputs: dict[str, Plain]) -> None:
        """Put the given values into the outputs of the resource or function `name`, in place of its own markers."""
        with self._lock:
            found = (whole_marker(leaf) for _, leaf in leaves(outputs))
            self._markers.update(match["path"] for match in found if match)
            for key, value in self._values.items():
                path = key.removeprefix(f"{type_}::").removeprefix(f"{name}.")
                own = key in (f"{name}.{path}", f"{type_}::{name}.{path}")
                if own and _is_open(_at(outputs, _steps(path)), name):
                    _put(outputs, _steps(path), key, value)
                    self._filled[key].append(type_)

    def verify(self) -> None:
        """Raise `OverrideError` for a value that filled nothing, or more than one resource."""
        for key, types in self._filled.items():
            if not types:
                raise OverrideError(f"--set output.{key}: no output of that name is open; {self._nearest(key)}")
            if len(types) > 1:
                choices = " or ".join(f"output.{type_}::{key}" for type_ in sorted(types))
                raise OverrideError(f"--set output.{key}: {len(types)} resources have that name; write {choices}")

    def _nearest(self, key: str) -> str:
        close = difflib.get_close_matches(key, sorted(self._markers), n=3, cutoff=0.4)
        return "did you mean " + ", ".join(f"output.{name}" for name in close) + "?" if close else "none is like it"


def _steps(path: str) -> list[str]:
    return re.findall(r"[^.\[\]]+", path)


def _at(outputs: Plain, steps: list[str]) -> Plain:
    """Return what is at the end of `steps`, None where they lead nowhere."""
    target = outputs.value if isinstance(outputs, Secret) else outputs
    if not steps:
        return target
    first, *rest = steps
    if is_list(target):
        return _at(target[int(first)], rest) if first.isdigit() and int(first) < len(target) else None
    return _at(target.get(first), rest) if is_map(target) else None


def _is_open(value: Plain, name: str) -> bool:
    """Tell whether `value` waits for `up`; an echoed input waits under the name of the resource it came from."""
    found = markers_in(value)
    return bool(found) and all(marker.startswith(f"${{{name}.") for marker in found)


def _put(outputs: dict[str, Plain], steps: list[str], key: str, value: object) -> None:
    *parents, last = steps
    target = _at(outputs, parents)
    place: Any = int(last) if is_list(target) else last
    filled = _typed(key, _at(outputs, steps), value)
    target[place] = Secret(filled) if isinstance(target[place], Secret) else filled


def _typed(key: str, current: Plain, value: object) -> Plain:
    found = whole_marker(current)
    wanted = found["type"] if found else "list" if is_list(current) else "object"
    parsed = yaml.safe_load(value) if isinstance(value, str) and wanted != "string" else value
    if wanted == "any" or (isinstance(parsed, _TYPES[wanted]) and (wanted == "boolean") == isinstance(parsed, bool)):
        return parsed
    raise OverrideError(f"--set output.{key} must be of type {wanted}, got {value!r}")
