"""What every protocol gives the server: a request's bytes become a call, a call's outputs become an answer."""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeAlias

from inference_app.outputs import Rows
from inference_app.tensors import Arrays

JSON = b"application/json"

Headers: TypeAlias = Mapping[bytes, bytes]
"""Names in lower case."""


class Answer(NamedTuple):
    """A successful answer's body and what describes it."""

    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Call(Protocol):
    """One parsed and checked request."""

    @property
    def inputs(self) -> Arrays:
        """What enters the model, batch axis first."""
        ...

    def render(self, rows: Rows) -> Answer:
        """The answer for the model's outputs."""
        ...


class Codec(Protocol):
    """One protocol for one model: knows nothing of the transport that carries its bytes."""

    def is_quick(self, size: int, headers: Headers) -> bool:
        """Whether parsing a body of `size` bytes takes microseconds, so that it may run on the event loop."""
        ...

    def parse(self, body: bytes, headers: Headers) -> Call:
        """Check a request; raises an `InferenceError` that says what was expected and what came."""
        ...


class Api(IntEnum):
    """The ways to ask a model for an inference, as places in a tuple of codecs."""

    PREDICT = 0
    OPEN_INFERENCE = 1
    INVOCATIONS = 2
