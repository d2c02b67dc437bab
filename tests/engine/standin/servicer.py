"""Plays every provider of a stack on one port: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto

Knows resources by the types of the installed SDKs, as the offline preview does.
"""

import itertools
from collections.abc import Generator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from infra.difference.change import differing
from infra.difference.replacement import replaced
from infra.preview.input_check import Problem, check_inputs
from infra.preview.outputs import custom_object_outputs, resource_outputs, result_outputs
from infra.preview.plan import urn_name
from infra.preview.sdk import args_class, resource_class, result_class
from infra.preview.wire import Plain, decode_struct, encode
from tests.engine.standin import forms, rules
from tests.engine.standin.clouds import Clouds, Held, Operation, RefusedError

PACKAGES = ("aws", "aws-native", "azure-native", "docker", "docker-build", "kubernetes", "random")
IMAGE = "docker-build:index:Image"
TOKENS = ("aws:ecr/getAuthorizationToken:getAuthorizationToken",)
"""Functions that answer with another secret at every call."""
NEWER = "99.0.0"
"""The engine warns of plugins that are older than their SDK."""


@contextmanager
def provider_server(clouds: Clouds) -> Generator[int]:
    """The port on which the stand-in for all of `PACKAGES` answers, until the context ends."""
    size = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(64), options=size)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(clouds), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine out of `clouds`."""

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds
        self._calls = itertools.count()

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return plugin_pb2.PluginInfo(version=NEWER)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        del request, context
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take a provider's settings, which the offline preview judges."""
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tell what changed; of Kubernetes' settings only `clusterIdentifier` makes it another cluster."""
        del context
        old, new = forms.plain(decode_struct(request.old_inputs)), forms.plain(decode_struct(request.news))
        changed = [key for key in sorted({*old, *new} - {"version"}) if old.get(key) != new.get(key)]
        return _difference(changed, [key for key in changed if key == "clusterIdentifier"])

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse what the SDK's types refuse."""
        del context
        return _checked(request.news, _problems(request.type, decode_struct(request.news)))

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compare what was asked for with what is asked for now."""
        del context
        old, new = (_compared(request.type, decode_struct(each)) for each in (request.old_inputs, request.news))
        changed = differing(old, new)
        replaces = replaced(request.type, changed, old, new)
        return _difference(changed, replaces, delete_first=_is_deleted_first(request.type, old, new))

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make an object; in a preview, say what would be known of it."""
        inputs = decode_struct(request.properties)
        outputs = _outputs(request.type, request.urn, inputs)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(forms.unknown(outputs)))
        with _refusing(context), self._clouds.operation(Operation.CREATE, request.urn):
            self._judge(request.type, Operation.CREATE, inputs)
            id_ = forms.object_id(request.type, request.urn, forms.plain(inputs), self._clouds.generation(request.urn))
        held = Held(urn=request.urn, type=request.type, id=id_, inputs=inputs, outputs=_known(outputs, request, id_))
        self._clouds.put(held)
        return provider_pb2.CreateResponse(id=id_, properties=encode(held.outputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Change an object; what only the cloud knows stays, but for what a revision changes."""
        inputs = decode_struct(request.news)
        outputs = _outputs(request.type, request.urn, inputs)
        old = self._clouds.get(request.urn, request.id)
        revision = old.revision + 1 if old else 1
        known = _known(outputs, request, request.id, revision)
        if request.preview:
            revised = {key: forms.unknown(outputs[key]) for key in rules.REVISED.get(request.type, ())}
            return provider_pb2.UpdateResponse(properties=encode(forms.on_the_wire({**known, **revised})))
        with _refusing(context), self._clouds.operation(Operation.UPDATE, request.urn):
            before: Plain = old.inputs if old else {}
            changed = differing(_compared(request.type, before), _compared(request.type, inputs))
            self._judge(request.type, Operation.UPDATE, inputs, changed)
        held = Held(urn=request.urn, type=request.type, id=request.id, inputs=inputs, outputs=known, revision=revision)
        self._clouds.put(held)
        return provider_pb2.UpdateResponse(properties=encode(known))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tell what the cloud has: nothing, where an object is gone, and what somebody else made."""
        with _refusing(context), self._clouds.operation(Operation.READ, request.urn):
            held = self._clouds.get(request.urn, request.id)
        if held:
            return provider_pb2.ReadResponse(id=held.id, properties=encode(held.outputs), inputs=encode(held.inputs))
        if self._clouds.has_made(request.urn):
            return provider_pb2.ReadResponse()
        found = _known(_outputs(request.type, request.urn, {}), request, request.id)
        return provider_pb2.ReadResponse(id=request.id, properties=encode(found))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Delete an object."""
        held = self._clouds.get(request.urn, request.id)
        with _refusing(context), self._clouds.operation(Operation.DELETE, request.urn):
            self._judge(request.type, Operation.DELETE, held.inputs if held else {"forceDelete": True})
        self._clouds.remove(request.urn, request.id)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answer a function; a token is another one at every call."""
        del context
        result = result_class(request.tok)
        if result is None:
            failure = provider_pb2.CheckFailure(reason=f"no installed SDK knows the function {request.tok}")
            return provider_pb2.InvokeResponse(failures=[failure])
        values = result_outputs(result, request.tok, decode_struct(request.args))
        seed = f"{next(self._calls)}" if request.tok in TOKENS else ""
        made = forms.made_up(values, type_=request.tok, seed=request.tok, secret_seed=seed)
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").CopyFrom(encode(made))
        return answer

    def _judge(self, type_: str, operation: Operation, inputs: Plain, changed: Sequence[str] = ()) -> None:
        if said := rules.refusal(type_, operation, forms.plain(inputs), changed):
            raise RefusedError(said)


def _problems(type_: str, inputs: Mapping[str, Plain]) -> list[Problem]:
    owner = resource_class(type_)
    args = args_class(owner) if owner else None
    if args:
        return check_inputs(args, inputs)
    if type_.startswith("kubernetes:"):  # a custom resource
        return []
    return [Problem(path="", rule="must be of a type that an installed SDK knows", value=type_, fix="correct it")]


def _checked(inputs: Any, problems: Sequence[Problem]) -> Any:
    failures = [
        provider_pb2.CheckFailure(property=each.path, reason=f"{each.rule}, got {each.value!r}; {each.fix}")
        for each in problems
    ]
    return provider_pb2.CheckResponse(inputs=inputs, failures=failures)


def _compared(type_: str, inputs: Plain) -> Plain:
    """Inputs as the real provider compares them: whoever pushes an image has another password at every run."""
    stated = forms.plain(inputs)
    if type_ == IMAGE:
        kept = [{key: value for key, value in each.items() if key != "password"} for each in stated["registries"]]
        return {**stated, "registries": kept}
    return stated


def _is_deleted_first(type_: str, old: Plain, new: Plain) -> bool:
    """Whether the real provider deletes an object before it makes the one in its place.

    Azure's does unless it made up the old name
    (https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go), the others when the
    name stays.
    """
    name = forms.stated_name(type_, old)
    return name is not None and (type_.startswith("azure-native:") or name == forms.stated_name(type_, new))


def _difference(changed: Sequence[str], replaced: Sequence[str], *, delete_first: bool = False) -> Any:
    update, replace = provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE
    detailed = {
        path: provider_pb2.PropertyDiff(kind=replace if path in replaced else update, inputDiff=True)
        for path in changed
    }
    changes = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=changes,
        diffs=changed,
        replaces=replaced,
        deleteBeforeReplace=bool(replaced) and delete_first,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _outputs(type_: str, urn: str, inputs: dict[str, Plain]) -> dict[str, Plain]:
    owner = resource_class(type_)
    outputs = resource_outputs(owner, urn_name(urn), inputs) if owner else custom_object_outputs(urn_name(urn), inputs)
    # No cloud makes up a password for a login that the program describes.
    logins = {name: value for name, value in inputs.items() if forms.has_secret(outputs.get(name))}
    return {name: value for name, value in (outputs | logins).items() if name != "id"}


def _known(outputs: dict[str, Plain], request: Any, id_: str, revision: int = 0) -> dict[str, Plain]:
    known = forms.made_up(outputs, type_=request.type, seed=f"{request.urn} {id_}")
    for key in rules.REVISED.get(request.type, ()):
        known[key] = revision + 1 if isinstance(known[key], int) else f"{known[key]}:{revision + 1}"
    return known


@contextmanager
def _refusing(context: Any) -> Generator[None]:
    """Hand a refusal on to the engine."""
    try:
        yield
    except RefusedError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
