"""Requests to a forge's JSON API."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SECONDS = 30
PAGE = 100


class CommentError(Exception):
    """A comment that cannot be written, said in one line."""


@dataclass(frozen=True, kw_only=True)
class Api:
    """A JSON API over HTTP with a token."""

    url: str
    headers: Mapping[str, str]

    def ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        """The answer's JSON. Raises `CommentError` for every other than a success."""
        data = json.dumps(body).encode() if body else None
        headers = {**self.headers, "Content-Type": "application/json"}
        request = Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 the pipeline's own address
        try:
            with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
                return json.load(response)
        except HTTPError as error:
            with error:
                advice = "give the token the right to write comments" if error.code in (401, 403, 404) else "try again"
                raise CommentError(f"{method} {path}: status {error.code}; {advice}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise CommentError(f"{method} {path}: {getattr(error, 'reason', error)}; try again") from None

    def all(self, path: str) -> Iterator[Any]:
        """Yield the items of a list, page by page."""
        for page in range(1, 1_000):
            found = self.ask("GET", f"{path}?{urlencode({'per_page': PAGE, 'page': page})}")
            yield from found
            if len(found) < PAGE:
                return
