"""What is measured: models, payloads and concurrencies."""

from dataclasses import dataclass
from enum import StrEnum


class ModelName(StrEnum):
    """The models, by what bounds them: the server, the processor, and the processor unless requests are batched."""

    TINY = "tiny"
    EFFICIENTNET = "efficientnet-lite0"
    MINILM = "minilm"


class Payload(StrEnum):
    """What a client sends."""

    JSON = "json"
    OIP = "oip"
    BINARY = "binary"
    JPEG = "jpeg"


@dataclass(frozen=True, order=True)
class Case:
    """One row of the table: so many clients, each with a connection and sending again when it has its answer."""

    model: ModelName
    payload: Payload
    concurrency: int


PAYLOADS = {
    ModelName.TINY: (Payload.JSON, Payload.OIP, Payload.BINARY),
    ModelName.EFFICIENTNET: (Payload.BINARY, Payload.JPEG),
    ModelName.MINILM: (Payload.BINARY,),
}

CONCURRENCIES = {
    ModelName.TINY: (1, 8, 32, 64),
    ModelName.EFFICIENTNET: (1, 8, 32),
    ModelName.MINILM: (8, 32),
}

RIVALS = {Payload.OIP: (Payload.OIP, Payload.JSON), Payload.JSON: (Payload.JSON, Payload.OIP)}
"""A peer that does not speak a payload competes with the next best that it does: JSON is JSON."""


def rivals(payload: Payload) -> tuple[Payload, ...]:
    """The payloads with which others compete in a case of `payload`, best first."""
    return RIVALS.get(payload, (payload,))
