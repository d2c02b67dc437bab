"""Requests to Blob storage as whoever has the account's key.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

import httpx


def sign(account: str, key: str) -> Callable[[httpx.Request], httpx.Request]:
    """Makes what httpx takes as `auth`."""

    def signed(request: httpx.Request) -> httpx.Request:
        request.headers["x-ms-date"] = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        request.headers["x-ms-version"] = "2021-12-02"
        ours = sorted(f"{name}:{value}" for name, value in request.headers.items() if name.startswith("x-ms-"))
        query = sorted(f"{name}:{value}" for name, value in request.url.params.items())
        length = request.headers.get("content-length", "0")
        standard = ["", "", "" if length == "0" else length, "", "", "", "", "", "", "", ""]
        text = "\n".join([request.method, *standard, *ours, f"/{account}{request.url.path}", *query])
        digest = hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)
        request.headers["authorization"] = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
        return request

    return signed
