"""What one model call gave, and the part of it that belongs to one request."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

from inference_app import tensors
from inference_app.tensors import Arrays
from inference_app.verdict import Verdict

T = TypeVar("T")


class BatchOutputs:
    """A model call's outputs, batch axis first, shared by all requests in the batch."""

    __slots__ = ("_derived", "arrays", "verdict")

    def __init__(self, arrays: Arrays, verdict: Verdict | None = None) -> None:
        self.arrays = arrays
        self.verdict = verdict
        self._derived: dict[Callable[[Arrays], Any], Any] = {}

    @property
    def size(self) -> int:
        """How many examples the batch held."""
        return tensors.rows(self.arrays)

    def derived(self, make: Callable[[Arrays], T]) -> T:
        """What `make` computes from the whole batch, computed once however many requests ask.

        NumPy costs about a microsecond a call: doing a batch at once is what a tiny model's throughput rests on.
        """
        try:
            return cast("T", self._derived[make])
        except KeyError:
            self._derived[make] = value = make(self.arrays)
            return value


class Rows(NamedTuple):
    """One request's examples in a batch's outputs: `start` to `stop`, exclusive."""

    batch: BatchOutputs
    start: int
    stop: int

    def arrays(self) -> Arrays:
        """The request's own outputs, as views."""
        return tensors.take(self.batch.arrays, self.start, self.stop)
