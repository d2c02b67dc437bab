"""Request bodies by their media type: each becomes the model's inputs as the model's metadata declares it."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from inference_app.errors import BadRequest, UnsupportedMediaType
from inference_app.preprocessing.declarations import ImagePreprocessing, TextPreprocessing
from inference_app.protocols import json_body
from inference_app.protocols.numbers import NumberReader, unwrap
from inference_app.repository import ModelVersion
from inference_app.tensors import Arrays

JSON = "application/json"
TEXT = "text/plain"
FORM = "multipart/form-data"
IMAGES = ("image/png", "image/jpeg")
UNTYPED = (None, TEXT, "application/octet-stream")
"""What clients put on a form's part when they do not know better."""

Parts: TypeAlias = Callable[[list[bytes]], Arrays]
"""Several bodies of one media type into one batch."""


class MediaReader:
    """Reads every media type that one model takes."""

    def __init__(self, version: ModelVersion) -> None:
        """Load what the declared preprocessing needs; raises `ModelUnusable`."""
        self._numbers = NumberReader(version.metadata)
        self._readers: dict[str, Parts] = {JSON: self._read_json}
        self._from_value = self._numbers.from_value
        self._hook: Callable[[bytes, str], Arrays] | None = None
        self._json_holds_numbers = True
        declared = version.metadata.preprocessing
        if version.metadata.hook_sha256 is not None:
            self._use_hook(version)
        elif isinstance(declared, ImagePreprocessing):
            self._use_images(version, declared)
        elif isinstance(declared, TextPreprocessing):
            self._use_texts(version, declared)

    def is_quick(self, content_type: bytes) -> bool:
        """Whether a small body of this type is read in microseconds."""
        return self._json_holds_numbers and content_type.startswith(b"application/json")

    def read(self, body: bytes, content_type: bytes) -> Arrays:
        """The inputs in a body; raises `BadRequest`, `UnsupportedMediaType` or `TooLarge`."""
        if content_type == b"application/json" and self._json_holds_numbers:
            return self._numbers.read(body)
        text = content_type.decode("latin-1")
        if self._hook is not None:
            return self._hook(body, text)
        media_type = text.partition(";")[0].strip().lower()
        if media_type == FORM:
            return self._read_form(body, text)
        return self._reader(media_type)([body])

    def from_value(self, value: Any) -> Arrays:
        """The inputs in a parsed JSON value, without its `inputs` around it; raises `BadRequest`."""
        if self._hook is not None:
            return self._hook(json_body.dumps(value), JSON)
        return self._from_value(value)

    # Each of these imports what only its own models need.

    def _use_hook(self, version: ModelVersion) -> None:
        from inference_app.preprocessing import hook

        self._hook = hook.load(version)
        self._json_holds_numbers = False

    def _use_images(self, version: ModelVersion, declared: ImagePreprocessing) -> None:
        from inference_app.preprocessing.images import ImageReader

        reader = ImageReader(declared, version.metadata.inputs[0])
        self._readers |= dict.fromkeys(IMAGES, reader.read)

    def _use_texts(self, version: ModelVersion, declared: TextPreprocessing) -> None:
        from inference_app.preprocessing.texts import Tokenizer

        tokenizer = Tokenizer(version, declared)
        self._readers[TEXT] = tokenizer.read
        self._from_value = tokenizer.from_value_or(self._numbers.from_value)
        self._json_holds_numbers = False

    def _reader(self, media_type: str) -> Parts:
        if media_type not in self._readers:
            accepted = ", ".join([*self._readers, FORM])
            raise UnsupportedMediaType(f"Content-Type must be one of {accepted}, got {media_type[:60] or 'none'}")
        return self._readers[media_type]

    def _read_json(self, bodies: list[bytes]) -> Arrays:
        return _joined([self._read_one_json(body) for body in bodies])

    def _read_one_json(self, body: bytes) -> Arrays:
        return self._numbers.read(body) if self._json_holds_numbers else self._from_value(unwrap(json_body.loads(body)))

    def _read_form(self, body: bytes, content_type: str) -> Arrays:
        from inference_app.protocols import multipart

        parts = multipart.parse(body, content_type)
        readers = [self._reader(self._part_type(part)) for part in parts]
        if any(reader != readers[0] for reader in readers):
            raise BadRequest("the form mixes parts of different kinds; send images, texts or JSON")
        return readers[0]([part.body for part in parts])

    def _part_type(self, part: Any) -> str:
        if part.content_type not in UNTYPED:
            return part.content_type
        if IMAGES[0] in self._readers and part.body.lstrip()[:1] not in (b"[", b"{"):
            return IMAGES[0]
        return TEXT if TEXT in self._readers else JSON


def _joined(batches: list[Arrays]) -> Arrays:
    first = batches[0]
    if len(batches) == 1:
        return first
    try:
        return {name: np.concatenate([batch[name] for batch in batches]) for name in first}
    except ValueError:
        raise BadRequest("the form's parts hold examples of different shapes") from None
