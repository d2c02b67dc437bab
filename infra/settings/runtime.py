"""`serving.runtime`: what answers requests on a cluster."""

from enum import StrEnum


class Runtime(StrEnum):
    """What answers requests on a cluster (docs/runtimes.md)."""

    MODEL_SERVER = "model-server"
    KSERVE = "kserve"
    TENSORFLOW_SERVING = "tensorflow-serving"
