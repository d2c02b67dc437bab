"""`multipart/form-data` bodies (RFC 7578): their parts, bounded in number and in the size of their headers."""

import importlib
from typing import Any, NamedTuple

from inference_app.errors import BadRequest, TooLarge

# The package ships no type information, so its objects are untyped here.
form: Any = importlib.import_module("multipart")

MAX_PARTS = 128


class Part(NamedTuple):
    """One field or file; its type is None where the client named none."""

    content_type: str | None
    body: bytes


def parse(body: bytes, content_type: str) -> list[Part]:
    """The parts of a form, in order, at least one; their names are the client's own business.

    Raises `BadRequest` for a form that is broken or incomplete and `TooLarge` for more than `MAX_PARTS` parts.
    """
    _, options = form.parse_options_header(content_type)
    try:
        parser = form.PushMultipartParser(options.get("boundary", ""), max_segment_count=MAX_PARTS, strict=True)
        with parser:
            parts = _collect([*parser.parse(body)])
    except form.ParserLimitReached as error:
        raise TooLarge(f"a form may have at most {MAX_PARTS} parts with short headers: {error}") from None
    except form.MultipartError as error:
        raise BadRequest(f"the form is broken: {error}") from None
    if not parts:
        raise BadRequest("the form has no parts")
    return parts


def _collect(events: list[Any]) -> list[Part]:
    """The parser's events are, for each part: its headers, chunks of its body, None."""
    parts: list[Part] = []
    chunks: list[bytes] = []
    for event in events:
        if isinstance(event, form.MultipartSegment):
            parts.append(Part(event.content_type, b""))
        elif event is not None:
            chunks.append(event)
        else:
            parts[-1] = parts[-1]._replace(body=b"".join(chunks))
            chunks.clear()
    return parts
