"""Texts into token numbers, by a tokenizer file beside the model."""

import hashlib
import os
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from tokenizers import Tokenizer as Encoder

from inference_app.errors import BadRequest, ModelUnusable, TooLarge
from inference_app.preprocessing.declarations import Padding, TextPreprocessing
from inference_app.repository import ModelVersion
from inference_app.tensors import Arrays

# Requests are tokenised on threads beside the model already.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

MAX_CHARACTERS = 256 * 1024
"""Of all texts in a request, so that one request keeps a core for a second at most."""

MAX_TOKENS = 512 * 1024
"""Of a request's texts if each were as long as it may be: the short ones are padded to the longest's length."""


class Tokenizer:
    """One model's tokenizer; may be used from any thread."""

    def __init__(self, version: ModelVersion, declared: TextPreprocessing) -> None:
        """Load the file; raises `ModelUnusable` where it is not the declared one."""
        self._declared = declared
        self._encoder = _load(version, declared)
        self._specs = version.metadata.inputs

    def read(self, bodies: list[bytes]) -> Arrays:
        """A batch with one example per text in UTF-8; raises `BadRequest` or `TooLarge`."""
        try:
            return self.encode([body.decode() for body in bodies])
        except UnicodeDecodeError as error:
            raise BadRequest(f"the text is no valid UTF-8: {error}") from None

    def from_value_or(self, otherwise: Callable[[Any], Arrays]) -> Callable[[Any], Arrays]:
        """Reads a parsed JSON value: a text, or a list of texts; an object of named tensors is `otherwise`'s."""

        def from_value(value: Any) -> Arrays:
            if isinstance(value, dict):
                return otherwise(value)
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list) or not texts or set(map(type, cast("list[Any]", texts))) != {str}:
                raise BadRequest("inputs must be a text or a list of texts")
            return self.encode(cast("list[str]", texts))

        return from_value

    def encode(self, texts: list[str]) -> Arrays:
        """`[n, tokens]` per input of the model; raises `BadRequest` for a text too long where none may be cut."""
        characters = sum(map(len, texts))
        if characters > MAX_CHARACTERS:
            raise TooLarge(f"a request's texts may have at most {MAX_CHARACTERS} characters, got {characters}")
        declared = self._declared
        if len(texts) * declared.max_length > MAX_TOKENS:
            raise TooLarge(f"a request may hold at most {MAX_TOKENS // declared.max_length} texts, got {len(texts)}")
        encodings = self._encoder.encode_batch(texts)
        if max(len(encoding.ids) for encoding in encodings) > declared.max_length:
            raise BadRequest(f"a text may have at most {declared.max_length} tokens")
        columns = {
            declared.ids: [encoding.ids for encoding in encodings],
            declared.mask: [encoding.attention_mask for encoding in encodings],
            declared.type_ids: [encoding.type_ids for encoding in encodings],
        }
        return {spec.name: np.array(columns[spec.name], spec.dtype) for spec in self._specs}


def _load(version: ModelVersion, declared: TextPreprocessing) -> Any:
    path = version.directory / declared.tokenizer
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != declared.tokenizer_sha256:
        raise ModelUnusable(f"{path} has SHA-256 {digest}, the metadata says {declared.tokenizer_sha256}")
    try:
        encoder = Encoder.from_buffer(content)
    except Exception as error:  # noqa: BLE001 - the package raises nothing narrower
        raise ModelUnusable(f"{path} is no tokenizer: {error}") from None
    _configure(encoder, declared)
    return encoder


def _configure(encoder: Any, declared: TextPreprocessing) -> None:
    pad_id = encoder.token_to_id(declared.pad_token)
    if pad_id is None:
        raise ModelUnusable(f"{declared.tokenizer} has no token {declared.pad_token}, the declared pad_token")
    length = declared.max_length if declared.padding is Padding.FIXED else None
    encoder.enable_padding(pad_id=pad_id, pad_token=declared.pad_token, length=length)
    # Where no text may be cut, one token too many is enough to tell.
    encoder.enable_truncation(declared.max_length if declared.truncation else declared.max_length + 1)
