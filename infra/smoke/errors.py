"""What can go wrong in a smoke run."""


class InputError(Exception):
    """The run cannot begin: a wrong option, file or stack, said in one line."""


class Failure(Exception):  # noqa: N818 - a verdict on an endpoint, not on this program
    """One endpoint is not right: what was asked, what came, and what to do about it."""

    def __init__(self, asked: str, came: str, advice: str) -> None:
        super().__init__(f"{asked}: {one_line(came)}; {one_line(advice)}")


class ColdStart(Failure):
    """The endpoint says that it is not there yet; worth asking again after so many seconds."""

    def __init__(self, asked: str, came: str, after: float) -> None:
        super().__init__(asked, came, "it never became ready; read its log, or give it longer with --timeout")
        self.came = one_line(came)
        self.after = after


def one_line(text: str, length: int = 300) -> str:
    """`text` without line breaks, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length]}..."
