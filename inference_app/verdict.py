"""What a detector made of one batch of examples."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

from inference_app.errors import Suspicious


class Verdict(NamedTuple):
    """One score per example of a batch, and the score that none may exceed."""

    scores: NDArray[Any]
    threshold: float

    def check(self, start: int, stop: int) -> None:
        """Raise `Suspicious` with the highest score where an example, `start` to `stop` (exclusive), is over the limit.

        A score of NaN is over any limit.
        """
        over = [score for score in self.scores[start:stop].tolist() if not score <= self.threshold]
        if over:
            raise Suspicious(max(over), self.threshold)
