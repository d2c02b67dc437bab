"""A tokenizer of three words, in the format of the `tokenizers` package."""

import hashlib
import json
from pathlib import Path
from typing import Any

NUMBERS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "good": 4, "bad": 5, "film": 6}

FILE: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "model": {"type": "WordLevel", "vocab": NUMBERS, "unk_token": "[UNK]"},
}


def declare(folder: Path) -> dict[str, Any]:
    """Write the file into a model's folder; returns the preprocessing that its metadata must declare."""
    content = json.dumps(FILE).encode()
    (folder / "tokenizer.json").write_bytes(content)
    return {"kind": "text", "tokenizer_sha256": hashlib.sha256(content).hexdigest(), "max_length": 6}
