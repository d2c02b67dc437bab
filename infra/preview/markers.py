"""Markers: what a preview shows in place of a value that only `up` knows, or that is secret."""

import re
from collections.abc import Iterator

from infra.preview.wire import SIGNATURE, Plain, Secret, is_list, is_map

MARKER = re.compile(r"\$\{(?P<path>[^{}]+?): (?P<type>string|integer|number|boolean|list|map|object|any)\}")
SECRET_PATH = "secret"  # noqa: S105


def marker(path: str, type_name: str) -> str:
    """Return the marker of the output `path` (`<logical name>.<property path>`)."""
    return f"${{{path}: {type_name}}}"


def whole_marker(value: object) -> re.Match[str] | None:
    """Return the match when `value` is a marker and nothing else: it then stands for any type."""
    return MARKER.fullmatch(value) if isinstance(value, str) else None


def markers_in(value: Plain) -> set[str]:
    """Return the markers anywhere inside `value`, whole or as a part of a longer text."""
    texts = [leaf for _, leaf in leaves(value) if isinstance(leaf, str)]
    return {found.group() for text in texts for found in MARKER.finditer(text)}


def holds_secret(value: Plain) -> bool:
    """Tell whether a masked secret is anywhere inside `value`."""
    return any(map(is_secret, markers_in(value)))


def is_secret(found: str) -> bool:
    """Tell whether the marker `found` stands for a secret."""
    return found.startswith(f"${{{SECRET_PATH}: ")


def leaves(value: Plain, path: str = "") -> Iterator[tuple[str, Plain]]:
    """Yield every scalar inside `value` with its path: `spec.ports[0].port`."""
    if isinstance(value, Secret):
        yield from leaves(value.value, path)
    elif is_map(value):
        for key, item in value.items():
            yield from leaves(item, join(path, key))
    elif is_list(value):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def join(path: str, key: str) -> str:
    """Return the path of `key` inside the map at `path`."""
    return f"{path}.{key}" if path else key


def masked(value: Plain, *, secret: bool = False) -> Plain:
    """Return `value` with each secret leaf as `${secret: <type>}`; keys and lengths stay, assets lose their mark."""
    if isinstance(value, Secret):
        return masked(value.value, secret=True)
    if is_map(value):
        return {key: masked(item, secret=secret) for key, item in value.items() if key != SIGNATURE}
    if is_list(value):
        return [masked(item, secret=secret) for item in value]
    return marker(SECRET_PATH, type_word(value)) if secret and value is not None else value


def type_word(value: Plain) -> str:
    """Return the word that markers use for the type of a scalar; a marker keeps its own."""
    if found := whole_marker(value):
        return found["type"]
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "number" if isinstance(value, float) else "string"
