"""A way to a server on which some requests are refused."""

from collections.abc import Callable

import httpx

from tests.loopback import Loopback, Request, Response

Judge = Callable[[Request], Response | None]
"""What a request gets instead of the server's answer, None where it may pass."""


def gate(url: str, judge: Judge) -> Loopback:
    """Listens once entered, and asks the server what it is asked."""

    def handle(request: Request) -> Response:
        if refused := judge(request):
            return refused
        headers = {name: value for name, value in request.headers.items() if name in ("content-type", "accept")}
        answer = httpx.request(request.method, url + request.path, headers=headers, content=request.body, timeout=60)
        return Response(status=answer.status_code, body=answer.content)

    return Loopback(handle)
