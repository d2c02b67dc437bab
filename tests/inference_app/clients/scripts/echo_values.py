"""What the clients send to the echo model, by datatype; the answer must be the same."""

from typing import Any

VALUES: dict[str, list[list[Any]]] = {
    "BOOL": [[True, False]],
    "UINT8": [[0, 255]],
    "UINT16": [[0, 65535]],
    "UINT32": [[0, 2**32 - 1]],
    "UINT64": [[0, 2**64 - 1]],
    "INT8": [[-128, 127]],
    "INT16": [[-32768, 32767]],
    "INT32": [[-(2**31), 2**31 - 1]],
    "INT64": [[-(2**63), 2**63 - 1]],
    "FP16": [[0.5, -65504.0]],
    "FP32": [[0.5, -1.5]],
    "FP64": [[0.1, -1e300]],
    "BYTES": [["ä\x00b", ""]],
}
DTYPES = {name: name.lower().replace("fp", "float") for name in VALUES} | {"BYTES": "object"}
"""NumPy's names."""
