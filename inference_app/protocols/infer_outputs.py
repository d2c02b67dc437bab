"""Which outputs a request asks for, and in which form."""

import reprlib
from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from inference_app.errors import BadRequest
from inference_app.protocols import json_fields
from inference_app.protocols.infer_answer import AnswerForm, BinaryOutput, ClassesOutput, JsonOutput, OutputForm
from inference_app.repository import Metadata
from inference_app.tensors import Datatype


class RequestedOutput(NamedTuple):
    """One output; `classes` of 0 asks for the tensor itself."""

    name: str
    binary: bool = False
    classes: int = 0


class InferOutputs:
    """Chooses among the outputs of one model."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._by_name = {spec.name: spec for spec in metadata.outputs}
        self._form = lru_cache(maxsize=64)(self._make_form)
        self.all = {binary: self._all(binary) for binary in (False, True)}

    def choose(self, request: dict[str, Any]) -> AnswerForm:
        """The form of the answer; raises `BadRequest` for outputs and forms that do not exist."""
        binary = False
        if "parameters" in request:
            binary = json_fields.flag(json_fields.parameters(request), "binary_data_output", default=False)
        outputs = request.get("outputs")
        if outputs is None or outputs == []:
            return self.all[binary]
        wanted = json_fields.a_list(outputs, "outputs")
        return self._form(tuple([self._requested(output, binary=binary) for output in wanted]))

    def _all(self, binary: bool) -> AnswerForm:
        return self._make_form(tuple(RequestedOutput(name, binary) for name in self._by_name))

    def _requested(self, value: object, *, binary: bool) -> RequestedOutput:
        output = json_fields.an_object(value, "an output")
        name = output.get("name")
        if type(name) is not str:
            raise BadRequest(f"an output's name must be a string, got {reprlib.repr(name)}")
        parameters = json_fields.parameters(output)
        classes = json_fields.count(parameters, "classification") or 0
        return RequestedOutput(name, json_fields.flag(parameters, "binary_data", default=binary), classes)

    def _make_form(self, requested: tuple[RequestedOutput, ...]) -> AnswerForm:
        check_outputs(requested, self._metadata)
        return AnswerForm(self._metadata.name, self._metadata.version, [self._output(wish) for wish in requested])

    def _output(self, requested: RequestedOutput) -> OutputForm:
        spec = self._by_name[requested.name]
        if requested.classes:
            labels = labels_of(requested, self._metadata)
            return ClassesOutput(spec, requested.classes, labels, binary=requested.binary)
        return BinaryOutput(spec) if requested.binary else JsonOutput(spec)


def check_outputs(requested: Collection[RequestedOutput], metadata: Metadata) -> None:
    """Raise `BadRequest` for an output that the model lacks, is asked for twice, or has no classes to choose from."""
    specs = {spec.name: spec for spec in metadata.outputs}
    for output in requested:
        if output.name not in specs:
            raise BadRequest(f"unknown output {output.name:.60}; the model gives {', '.join(specs)}")
        datatype = specs[output.name].datatype
        if output.classes and datatype in (Datatype.BYTES, Datatype.BOOL):
            raise BadRequest(f"output {output.name} holds {datatype}, so none of its values is the highest")
    if len({output.name for output in requested}) < len(requested):
        raise BadRequest("an output is asked for twice")


def labels_of(requested: RequestedOutput, metadata: Metadata) -> tuple[str, ...] | None:
    """The names of the output's classes; they are the first output's."""
    return metadata.labels if requested.name == metadata.outputs[0].name else None
