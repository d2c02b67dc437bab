"""An object store as far as a pull needs one: how large an object is, and any part of it."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import AzureStore, S3Store

from inference_app.contract import BLOB_URL, S3_URL
from inference_app.errors import ConfigurationError
from inference_app.pull.errors import PassingError, PullError
from inference_app.pull.retrying import Retrying
from inference_app.pull.stored import StoredFile

if TYPE_CHECKING:  # these exist for type checkers alone
    from obstore.store import ClientConfig, RetryConfig

REQUEST_SECONDS = 60
"""For one answer, its body included; a part of a model takes a second where a pull is of any use."""

# Another endpoint, as of MinIO, may have no certificate; the clouds' own are asked over TLS whatever this says.
_CLIENT: "ClientConfig" = {"allow_http": True, "timeout": f"{REQUEST_SECONDS}s"}
# Tried again here instead, so that a failing start says so while it waits.
_RETRY: "RetryConfig" = {"max_retries": 0}

T = TypeVar("T")


class ObjectStore:
    """What lies below a URL; every method raises `PullError`.

    Credentials, region and endpoint come from the variables that the clouds' own tools read, EKS Pod Identity's and
    Azure workload identity's among them (https://docs.rs/object_store/latest/object_store/).
    """

    def __init__(self, url: str, retry_seconds: float) -> None:
        """Raises `ConfigurationError` for a URL of neither kind."""
        self.url = url
        self._store = _open(url)
        self._retrying = Retrying(retry_seconds, "the network policy, the endpoint and the region")

    def find(self, path: str) -> StoredFile:
        """Look an object up; `path` is relative to the URL."""
        found = self._ask(path, lambda: obstore.head(self._store, path))
        return StoredFile(path=path, size=found["size"], etag=found["e_tag"])

    def part(self, file: StoredFile, start: int, end: int) -> memoryview:
        """The bytes from `start` to `end`, exclusive, of the object that was looked up and of no later one."""
        if start == end:
            return memoryview(b"")
        content = self._ask(file.path, lambda: self._get(file, start, end))
        if len(content) != end - start:
            raise PullError(
                f"{self.url}/{file.path} must have {file.size} bytes, got {len(content)} of the {end - start} from "
                f"{start} on; upload the version again"
            )
        return content

    def close(self) -> None:
        """End what is being tried again."""
        self._retrying.close()

    def _get(self, file: StoredFile, start: int, end: int) -> memoryview:
        got = obstore.get(self._store, file.path, options={"range": (start, end), "if_match": file.etag})
        return memoryview(got.bytes())

    def _ask(self, path: str, question: Callable[[], T]) -> T:
        where = f"{self.url}/{path}"
        return self._retrying.ask(where, lambda: _translated(where, question))


def _translated(where: str, question: Callable[[], T]) -> T:
    try:
        return question()
    except BaseError as error:
        raise _told(where, error) from None
    except FileNotFoundError as error:
        raise PullError(f"{where} must be there, got {reason(error)}; upload the version, or name another") from None


def _open(url: str) -> S3Store | AzureStore:
    try:
        return _known(url)
    except BaseError as error:
        raise ConfigurationError(
            f"the variables of {url}'s cloud must be right, got {reason(error)}; see its credentials and endpoint"
        ) from None


def _known(url: str) -> S3Store | AzureStore:
    if match := re.fullmatch(S3_URL, url):
        return S3Store(match["bucket"], prefix=match["prefix"] or None, client_options=_CLIENT, retry_config=_RETRY)
    if match := re.fullmatch(BLOB_URL, url):
        return AzureStore(
            match["container"],
            prefix=match["prefix"] or None,
            account_name=match["account"],
            client_options=_CLIENT,
            retry_config=_RETRY,
        )
    raise ConfigurationError(
        "MODEL_SOURCE must be s3://bucket/prefix or https://account.blob.core.windows.net/container/prefix, or "
        f"models:/name@alias of MLflow, got {url}"
    )


def _told(where: str, error: BaseError) -> PullError:
    if isinstance(error, PreconditionError):
        return PullError(f"{where} must stay as it is while it is pulled, got another one; start again")
    if not isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return PassingError(reason(error))
    return PullError(
        f"{where} must be there and readable, got {reason(error)}; upload it, or give the pod's service account the "
        "right to read it"
    )


_CODE = re.compile(r"<Code>(.*?)</Code>\s*<Message>(.*?)\s*</Message>", re.DOTALL)
_CAUSE = re.compile(r'message: "([^"]+)"')
_STATUS = re.compile(r"status code: (.*)")


def reason(error: Exception) -> str:
    """The cause in a few words, out of pages of what the library knows; signatures in addresses stay out."""
    text = re.sub(r"\?\S+", "", str(error))
    if found := _CODE.search(text):
        return " ".join(f"{found[1]}: {found[2]}".split())
    found = _CAUSE.search(text) or _STATUS.search(text)
    return (found[1] if found else text.splitlines()[0]).strip(" :")[:300]
