"""Why a question has no answer."""


class Unanswerable(Exception):  # noqa: N818 - an outcome of a question, not a fault of this program
    """Nobody knows: what came instead of an answer, and what to do about that."""

    def __init__(self, came: str, fix: str) -> None:
        super().__init__(came)
        self.came = " ".join(came.split())[:300]
        self.fix = fix


class Absent(Unanswerable):
    """The cloud answers that there is no such thing, which is often what one wants to know."""


class NotSignedIn(Unanswerable):
    """There are no credentials, or they have expired: no question of this cloud can be answered."""
