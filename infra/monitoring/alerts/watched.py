"""The servers that alerts speak of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Servers whose series have `labels`, told apart by the label `by` where there is one.

    `expected` has, by the label's value or the empty text, PromQL for how many of them there should be where that may
    be none: then nobody is missed.
    """

    labels: Mapping[str, str]
    by: str = ""
    expected: Mapping[str, str | None] = field(default_factory=lambda: dict[str, str | None]({"": None}))

    @property
    def selector(self) -> str:
        """Matchers of their series."""
        return matchers(self.labels)

    def apart(self) -> Iterator[tuple[Mapping[str, str], str | None]]:
        """Of those that are expected together, the labels that tell them apart, and how many there should be."""
        for name, wanted in self.expected.items():
            yield ({self.by: name} if self.by else {}), wanted

    def each(self, *labels: str) -> str:
        """An aggregation's clause: by these labels, and by the one that tells the servers apart."""
        names = ", ".join(filter(None, (*labels, self.by)))
        return f" by ({names}) " if names else ""


def matchers(labels: Mapping[str, str]) -> str:
    """PromQL that selects series with these labels."""
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def unless_resting(wanted: str | None) -> str:
    """The end of a condition that holds only while some should be there."""
    return f" and on() {wanted} > 0" if wanted else ""
