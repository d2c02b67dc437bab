"""Values as they cross Pulumi's resource monitor, to plain Python and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from google.protobuf import json_format, struct_pb2

Plain: TypeAlias = Any
"""What YAML can hold, plus `Secret`: None, bool, int, float, str, list, dict with string keys."""

# The protocol's own constants: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True)
class Secret:
    """A value that the wire marks as secret."""

    value: Plain


def is_map(value: Plain) -> TypeGuard[Mapping[str, Plain]]:
    """Tell whether `value` is a map."""
    return isinstance(value, Mapping)


def is_list(value: Plain) -> TypeGuard[list[Plain]]:
    """Tell whether `value` is a list."""
    return isinstance(value, list)


def decode(value: struct_pb2.Value) -> Plain:
    """Return plain Python with sorted keys; whole numbers, which the wire carries as floats, become integers."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return decode_struct(value.struct_value)
    if kind == "list_value":
        return [decode(item) for item in value.list_value.values]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    if kind == "string_value":
        return "${unknown: any}" if value.string_value == UNKNOWN else value.string_value
    return value.bool_value if kind == "bool_value" else None


def decode_struct(struct: struct_pb2.Struct) -> Plain:
    """Decode a map; the special maps for secrets and resource references become what they stand for."""
    fields = struct.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else ""
    if signature == SECRET:
        return Secret(decode(fields["value"]))
    if signature == RESOURCE:
        return decode(fields["id" if "id" in fields else "urn"])
    return {key: decode(fields[key]) for key in sorted(fields)}


def encode(properties: Mapping[str, Plain]) -> struct_pb2.Struct:
    """Return the wire's form of `properties`, secrets marked."""
    return json_format.ParseDict(_marked(properties), struct_pb2.Struct())


def _marked(value: Plain) -> Plain:
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": _marked(value.value)}
    if is_map(value):
        return {key: _marked(item) for key, item in value.items()}
    return [_marked(item) for item in value] if is_list(value) else value
