"""An MLflow server over HTTP; where it is and who asks come from the variables that MLflow's own client reads.

https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

URI = "MLFLOW_TRACKING_URI"
TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the variable's name
USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
CERTIFICATES = "MLFLOW_TRACKING_SERVER_CERT_PATH"

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"

_CALL = urllib3.Timeout(connect=10, read=60)
# The server fetches a file from its own store before it sends the first byte.
_FILE = urllib3.Timeout(connect=10, read=600)


class MlflowError(Exception):
    """The server did not do it: `reason` in a few words, and one line with what to do.

    `status` is the answer's, None where there was none.
    """

    def __init__(self, message: str, reason: str, status: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.status = reason, status

    @property
    def is_passing(self) -> bool:
        """Whether asking again may help."""
        return self.status is None or self.status == 429 or self.status >= 500

    @property
    def is_forbidden(self) -> bool:
        """Whether somebody else may be let."""
        return self.status in (401, 403)


class Connection:
    """One server; every method raises `MlflowError`, may be called from any thread, and asks once."""

    def __init__(self, url: str, headers: Mapping[str, str], certificates: str | None = None) -> None:
        self.url = url
        self._headers = dict(headers)
        self._pool = urllib3.PoolManager(retries=False, maxsize=16, ca_certs=certificates)

    def get(self, path: str, /, **fields: str | int) -> dict[str, Any]:
        """What it says to a question below its API."""
        named = {name: str(value) for name, value in fields.items()}
        return _content(self._ask("GET", self.url + path, timeout=_CALL, fields=named))

    def post(self, path: str, /, **fields: object) -> dict[str, Any]:
        """What it says to an order below its API."""
        return _content(self._ask("POST", self.url + API + path, timeout=_CALL, json=fields))

    def put(self, path: str, content: BinaryIO, size: int) -> None:
        """Send a file of `size` bytes to a path among its artifacts."""
        headers = {"Content-Length": str(size)}
        self._ask("PUT", self.file_url(path), timeout=_FILE, body=content, headers=headers)

    def open(self, path: str) -> urllib3.BaseHTTPResponse:
        """An artifact's content, to be read and then released."""
        return self._ask("GET", self.file_url(path), timeout=_FILE, preload_content=False)

    def file_url(self, path: str) -> str:
        """Where an artifact is, by its path among all."""
        return f"{self.url}{ARTIFACTS}/{quote(path)}"

    def _ask(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        headers = {**self._headers, **options.pop("headers", {})}
        try:
            response = self._pool.request(method, url, headers=headers, **options)
            if response.status < 300:
                return response
            told = response.read(4096) if not options.get("preload_content", True) else response.data
            response.release_conn()
        except (HTTPError, OSError) as error:
            cause = reason(error)
            raise MlflowError(f"{self.url} must answer, got {cause}; see {URI} and the network", cause) from None
        raise _refused(self.url, response.status, _message(told))


def from_environment() -> Connection:
    """The server that the environment names; raises `MlflowError`."""
    url = os.environ.get(URI, "")
    if re.fullmatch(r"https?://[^/@\s?#]+(/[^\s?#]*)?", url):
        return Connection(url.rstrip("/"), _login(), os.environ.get(CERTIFICATES))
    found = re.sub(r"//[^/]*@", "//...@", url) or "nothing"
    raise MlflowError(
        f"{URI} must be http(s)://host[:port] without a login, got {found}; a login goes into {TOKEN}, or into "
        f"{USERNAME} and {PASSWORD}",
        f"{URI} {found}",
        400,
    )


def reason(error: Exception) -> str:
    """The cause in a few words, without addresses in memory."""
    text = str(error.__cause__ or error)
    return re.sub(r"<[^>]*>(, |: )?", "", text)[:200].strip("() ")


def _login() -> dict[str, str]:
    """As MLflow's client does it: a name and a password win over a token."""
    name, password, token = (os.environ.get(variable) for variable in (USERNAME, PASSWORD, TOKEN))
    if name and password:
        return urllib3.make_headers(basic_auth=f"{name}:{password}")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _content(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    try:
        found: Any = json.loads(response.data)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return cast("dict[str, Any]", found)
    got = response.data[:100].decode(errors="replace")
    raise MlflowError(f"{URI} must be an MLflow server's, got another kind of answer: {got!r}", got, 400)


def _refused(url: str, status: int, message: str) -> MlflowError:
    cause = f"{status} {message}".strip()
    if status in (401, 403):
        fix = f"give {TOKEN}, or {USERNAME} and {PASSWORD}, of somebody who may"
        return MlflowError(f"{url} must let this be done, got {cause}; {fix}", cause, status)
    return MlflowError(f"{url} must do what it is asked, got {cause}", cause, status)


def _message(content: bytes) -> str:
    """The first line of what MLflow says, or of what something before it does."""
    text = content.decode(errors="replace")
    try:
        text = json.loads(text)["message"]
    except (ValueError, TypeError, KeyError):
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split("\n")[0].split())[:300]
