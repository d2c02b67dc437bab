"""Where images come from: a folder, an object store, or a package that ships some."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url
from PIL import Image

from inference_app.contract import BLOB_URL
from inference_app.pull.store import reason
from inference_app.training.errors import TrainingError

if TYPE_CHECKING:  # this exists for type checkers alone
    from obstore.store import ClientConfig

SCANS = "sklearn:digits"
"""The handwritten digits that scikit-learn ships, of which the shipped model is made."""

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Of one image; what a server takes in one request is less."""

_STORE_URL = re.compile(rf"(s3|gs|az|abfss?)://.+|{BLOB_URL}")
# Another endpoint, as of MinIO, may have no certificate; the clouds' own are asked over TLS whatever this says.
_CLIENT: "ClientConfig" = {"allow_http": True, "timeout": "60s"}


class Source(Protocol):
    """Files by their path, slashes between folders; `about` is what is known of them, in Markdown."""

    about: str

    def files(self) -> list[str]:
        """Every file that is not hidden, sorted; raises `TrainingError`."""
        ...

    def read(self, path: str) -> bytes:
        """A file's content; safe from several threads. Raises `TrainingError`."""
        ...


def open_source(text: str) -> Source:
    """A folder, `s3://`, `gs://`, `az://` or `https://<account>.blob.core.windows.net/...`, or `sklearn:digits`."""
    if text == SCANS:
        return Scans()
    return Bucket(text) if _STORE_URL.fullmatch(text) else Folder(text)


class Folder:
    """A folder on this machine."""

    about = ""

    def __init__(self, path: str) -> None:
        self._root = Path(path)
        if not self._root.is_dir():
            raise TrainingError(f"images must come from a folder, an object store's URL or {SCANS}, got {path}")

    def files(self) -> list[str]:
        """Every file that is not hidden, sorted."""
        paths = (path.relative_to(self._root) for path in self._root.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in paths if not _is_hidden(path.as_posix()))

    def read(self, path: str) -> bytes:
        """A file's content; raises `TrainingError`."""
        try:
            size = (self._root / path).stat().st_size
            _check_size(size)
            return (self._root / path).read_bytes()
        except OSError as error:
            raise TrainingError(f"cannot be read: {error.strerror}") from None


class Bucket:
    """What lies below a URL of an object store.

    Credentials, region and endpoint come from the variables that the clouds' own tools read
    (https://docs.rs/object_store/latest/object_store/).
    """

    about = ""

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            self._store = from_url(url.rstrip("/"), client_options=_CLIENT)
        except BaseError as error:
            raise TrainingError(
                f"the variables of {url}'s cloud must be right, got {reason(error)}; see its credentials and endpoint"
            ) from None

    def files(self) -> list[str]:
        """Every object that is not hidden, sorted; raises `TrainingError`."""
        try:
            found = [entry["path"] for batch in obstore.list(self._store) for entry in batch]
        except (BaseError, OSError) as error:
            raise TrainingError(
                f"{self._url} must be there and readable, got {reason(error)}; see its name and credentials"
            ) from None
        return sorted(path for path in found if not _is_hidden(path))

    def read(self, path: str) -> bytes:
        """An object's content; raises `TrainingError`."""
        try:
            got = obstore.get(self._store, path)
            _check_size(got.meta["size"])
            return bytes(got.bytes())
        except (BaseError, OSError) as error:
            raise TrainingError(f"cannot be read: {reason(error)}") from None


class Scans:
    """Scikit-learn's handwritten digits as gray PNG files of 8x8 pixels, a folder per digit.

    Source: https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits (its test set).
    """

    INK_LEVELS = 16  # a source value counts the inked pixels of a 4x4 block, so it runs from 0 to 16

    def __init__(self) -> None:
        from sklearn.datasets import load_digits  # of the training environment alone

        self.about = (Path(__file__).parents[1] / "files" / "digits.md").read_text(encoding="utf-8")
        ink, labels = load_digits(return_X_y=True)
        pixels = np.round(ink * 255 / self.INK_LEVELS).astype(np.uint8).reshape(-1, 8, 8)
        self._scans = {f"{label}/{number:04}.png": pixels[number] for number, label in enumerate(labels)}

    def files(self) -> list[str]:
        """The name of each scan, sorted."""
        return sorted(self._scans)

    def read(self, path: str) -> bytes:
        """A scan as a PNG file."""
        content = io.BytesIO()
        Image.fromarray(self._scans[path]).save(content, "PNG")
        return content.getvalue()


def _check_size(size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise TrainingError(f"must have at most {MAX_FILE_BYTES} bytes, got {size}")


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
