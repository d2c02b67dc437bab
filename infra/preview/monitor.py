"""The resource monitor that records what the program registers, and answers with typed markers.

Pulumi's mocks hand over inputs without parents, dependencies or per-value secrecy, so this reads the wire instead:
https://github.com/pulumi/pulumi/blob/master/proto/pulumi/resource.proto
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

import pulumi
from google.protobuf import empty_pb2, json_format
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2

from infra.preview.errors import PreviewError
from infra.preview.markers import marker, masked, whole_marker
from infra.preview.outputs import custom_object_outputs, echo, resource_outputs, result_outputs
from infra.preview.overrides import Overrides
from infra.preview.plan import Resource
from infra.preview.sdk import args_class, input_properties, members, resource_class, result_class
from infra.preview.wire import Plain, Secret, decode_struct, encode

STACK = "pulumi:pulumi:Stack"
STACK_REFERENCE = "pulumi:pulumi:StackReference"
HIDDEN_CHILDREN = {
    "kubernetes:helm.sh/v3:Chart",
    "kubernetes:kustomize:Directory",
    "kubernetes:yaml:ConfigFile",
    "kubernetes:yaml:ConfigGroup",
}
OPTIONS = (
    "additionalSecretOutputs",
    "aliases",
    "customTimeouts",
    "deleteBeforeReplace",
    "deletedWith",
    "hooks",
    "ignoreChanges",
    "importId",
    "protect",
    "replaceOnChanges",
    "retainOnDelete",
)


class Unused(mocks.Mocks):
    """The mocks that the base class asks for and never reaches."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        """Refuse: functions are answered from the wire."""
        raise NotImplementedError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        """Refuse: resources are answered from the wire."""
        raise NotImplementedError(args.typ)


class RecordingMonitor(mocks.MockMonitor):
    """Records each registration and answers it; called from many threads at once."""

    def __init__(self, overrides: Overrides, *, preview: bool) -> None:
        super().__init__(Unused())
        self.exports: Mapping[str, Plain] = {}
        self._overrides = overrides
        self._preview = preview
        self._recorded: dict[str, Resource] = {}
        self._lock = threading.Lock()

    @property
    def recorded(self) -> list[Resource]:
        """The registrations so far, in no particular order."""
        return list(self._recorded.values())

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the URN as the engine makes it: the types of all parents but the stack, then the name."""
        stack = f"{pulumi.get_stack()}::{pulumi.get_project()}"
        parents = parent.split("::")[2] if parent else STACK
        qualified = type_ if parents == STACK else f"{parents}${type_}"
        return f"urn:pulumi:{stack}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        """Record a resource and answer with its outputs."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if request.remote or request.type in HIDDEN_CHILDREN:
            raise PreviewError(
                f"{request.type} {request.name}: its children exist on the engine only; use helm.v3.Release"
            )
        if not request.custom:
            self._record(request, urn, decode_struct(request.object), {})
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = _provider_inputs(request.type, decode_struct(request.object))
        outputs = self._outputs(request, inputs)
        self._record(request, urn, inputs, outputs)
        id_ = outputs.pop("id", "")
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=encode(outputs))

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        """Record a resource that exists already (`.get()`, a stack reference) and answer with its outputs."""
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = decode_struct(request.properties)
        outputs = {**self._outputs(request, inputs), "id": request.id}
        if request.type == STACK_REFERENCE and whole_marker(outputs["outputs"]):
            name = request.name
            raise PreviewError(f"{name}: another stack's outputs need --set 'output.{name}.outputs={{KEY: VALUE}}'")
        self._record(request, urn, inputs, outputs, read=request.id)
        return resource_pb2.ReadResourceResponse(urn=urn, id=request.id, properties=encode(outputs))

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """Keep the stack's exports."""
        if f"::{STACK}::" in request.urn:
            self.exports = masked(decode_struct(request.outputs))
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """Answer a function call with markers for its result."""
        result = result_class(request.tok)
        if result is None:
            raise PreviewError(f"{request.tok}: no installed SDK types its result, so it has no offline preview")
        source = function_name(request.tok)
        values = result_outputs(result, source, decode_struct(request.args))
        self._overrides.fill("function", source, values)
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(encode(values))
        return response

    def _outputs(self, request: Any, inputs: dict[str, Plain]) -> dict[str, Plain]:
        if self._preview:
            return echo(resource_class(request.type), inputs)
        outputs = _typed_outputs(request.type, request.name, inputs)
        outputs["id"] = marker(f"{request.name}.id", "string")
        self._overrides.fill(request.type, request.name, outputs)
        secret = getattr(request, "additionalSecretOutputs", [])
        return {name: Secret(value) if name in secret else value for name, value in outputs.items()}

    def _record(self, request: Any, urn: str, inputs: Plain, outputs: Plain, **options: Plain) -> None:
        wire = json_format.MessageToDict(request)
        by_property = getattr(request, "propertyDependencies", {})
        secret = getattr(request, "additionalSecretOutputs", [])
        stated = {name: Secret(value) if name in secret else value for name, value in inputs.items()}
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=None if not request.parent or f"::{STACK}::" in request.parent else request.parent,
            provider=request.provider.rpartition("::")[0] or None,
            custom=getattr(request, "custom", True),
            inputs=masked(stated),
            outputs=masked(outputs),
            dependencies=sorted(request.dependencies),
            property_dependencies={key: sorted(by_property[key].urns) for key in sorted(by_property)},
            options={**{key: wire[key] for key in OPTIONS if wire.get(key)}, **options},
        )
        with self._lock:
            if urn in self._recorded:
                raise PreviewError(f"two resources have the URN {urn}; give one of them another name")
            self._recorded[urn] = resource


def function_name(token: str) -> str:
    """Return what markers call a function: its token, without the name that some SDKs repeat behind its module."""
    module, _, name = token.rpartition(":")
    return module if module.endswith(f"/{name}") else token


def _typed_outputs(type_: str, name: str, inputs: dict[str, Plain]) -> dict[str, Plain]:
    if type_ == STACK_REFERENCE:
        return {**inputs, "outputs": marker(f"{name}.outputs", "map")}
    owner = resource_class(type_)
    if owner is not None and not type_.startswith("pulumi:"):
        return resource_outputs(owner, name, inputs)
    return custom_object_outputs(name, inputs) if type_.startswith("kubernetes:") else dict(inputs)


def _provider_inputs(type_: str, inputs: dict[str, Plain]) -> dict[str, Plain]:
    """Undo the encoding of a provider's settings, which cross the wire as JSON strings unless they are strings."""
    owner = resource_class(type_) if type_.startswith("pulumi:providers:") else None
    args = args_class(owner) if owner else None
    if args is None:
        return inputs
    known = input_properties(args)
    encoded = {name for name, value in inputs.items() if isinstance(value, str) and name in known}
    return {
        name: json.loads(value) if name in encoded and str not in members(known[name].hint) else value
        for name, value in inputs.items()
    }
