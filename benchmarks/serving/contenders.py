"""The servers, each tuned as its documentation advises for this machine, and the protocols they speak best."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.serving import requests
from benchmarks.serving.cases import ModelName, Payload
from benchmarks.serving.requests import Dialect

TINY, EFFICIENTNET, MINILM = ModelName
OURS, LIMIT = "ours", "limit"
INFER = "/v2/models/{model}/infer"
LIMIT_REFERENCE = 66_000
"""Requests/s of the limit with the tiny model, JSON and 64 connections, on the machine where `known` was measured."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server. `folder` lies below `peers/`; without one it is the model server of this repository.

    `known` is its requests/s with the tiny model, JSON and 64 connections, on the machine of `LIMIT_REFERENCE`.
    """

    name: str
    folder: str | None = None
    dialects: Mapping[Payload, Dialect]
    settings: Mapping[ModelName, Mapping[str, str]]
    known: float | None = None
    start_seconds: float = 2

    def environment(self, model: ModelName) -> Mapping[str, str]:
        """Environment variables for a model; raises `KeyError` where it does not serve it."""
        return self.settings[model]


def _same(**variables: str) -> dict[ModelName, dict[str, str]]:
    return dict.fromkeys(ModelName, variables)


def _mosec(**more: str) -> dict[ModelName, dict[str, str]]:
    return {
        TINY: {"MOSEC_WORKERS": "2", "MOSEC_BATCH": "32", "MOSEC_WAIT_MS": "1", **more},
        EFFICIENTNET: {"MOSEC_WORKERS": "2", "MOSEC_BATCH": "1", "MOSEC_WAIT_MS": "1", **more},
        MINILM: {"MOSEC_WORKERS": "2", "MOSEC_BATCH": "8", "MOSEC_WAIT_MS": "1", **more},
    }


def _triton(*, batch: int, instances: int, **more: str) -> dict[str, str]:
    return {"TRITON_BATCH": str(batch), "TRITON_INSTANCES": str(instances), "TRITON_HTTP_THREADS": "2", **more}


def _litserve(*, batch: int, workers: int = 2, api_servers: int = 2) -> dict[str, str]:
    return {
        "LITSERVE_BATCH": str(batch),
        "LITSERVE_WAIT": "0.001",
        "LITSERVE_WORKERS": str(workers),
        "LITSERVE_API_SERVERS": str(api_servers),
        "LITSERVE_FAST_QUEUE": "1",
    }


def _ray(*, replicas: int, batch: int) -> dict[str, str]:
    """HAProxy, which comes with `ray[serve]`, answers eight times as much on two cores as the proxy in Python."""
    return {
        "RAY_REPLICAS": str(replicas),
        "RAY_BATCH": str(batch),
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
        "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    }


TRITON_DIALECTS = {
    Payload.OIP: requests.oip(INFER),
    Payload.BINARY: requests.oip_binary(INFER),
    Payload.JPEG: requests.oip_jpeg(INFER),
}
MOSEC_DIALECTS = {
    Payload.JSON: requests.rows("/inference"),
    Payload.BINARY: requests.numbers("/inference"),
    Payload.JPEG: requests.jpeg("/inference"),
}

CONTENDERS = (
    Contender(
        name=OURS,
        dialects={
            Payload.JSON: requests.predictions("/predict"),
            Payload.OIP: requests.oip(INFER),
            Payload.BINARY: requests.oip_binary(INFER),
            Payload.JPEG: requests.jpeg("/predict"),
        },
        settings={
            TINY: {"WORKERS": "2", "MAX_BATCH_SIZE": "32"},
            EFFICIENTNET: {"INTRA_OP_THREADS": "1", "MAX_BATCH_SIZE": "1"},
            MINILM: {"INTRA_OP_THREADS": "1", "MAX_BATCH_SIZE": "8"},
        },
        start_seconds=1,
    ),
    Contender(
        name=LIMIT,
        folder="limit",
        dialects={Payload.JSON: requests.rows("/"), Payload.BINARY: requests.numbers("/")},
        settings={TINY: {}},
        known=LIMIT_REFERENCE,
        start_seconds=1,
    ),
    Contender(
        name="mosec-orjson",
        folder="mosec",
        dialects=MOSEC_DIALECTS,
        settings=_mosec(MOSEC_ORJSON="1"),
        known=29_000,
    ),
    Contender(
        name="triton",
        folder="triton",
        dialects=TRITON_DIALECTS,
        settings={
            TINY: _triton(batch=64, instances=1, TRITON_DELAY="1000"),
            EFFICIENTNET: _triton(batch=1, instances=2),
            MINILM: _triton(batch=8, instances=2),
        },
        known=18_000,
    ),
    Contender(
        name="mosec",
        folder="mosec",
        dialects={Payload.JSON: MOSEC_DIALECTS[Payload.JSON]},  # with bytes it is mosec-orjson
        settings=_mosec(),
        known=18_000,
    ),
    # Batches that wait for company find none with few clients: the same servers, tuned for 8 clients and for one.
    Contender(
        name="triton-undelayed",
        folder="triton",
        dialects=TRITON_DIALECTS,
        settings={TINY: _triton(batch=64, instances=1)},
    ),
    Contender(
        name="mosec-batch-8",
        folder="mosec",
        dialects=MOSEC_DIALECTS,
        settings={TINY: _mosec(MOSEC_ORJSON="1", MOSEC_BATCH="8")[TINY]},
    ),
    Contender(
        name="mosec-unbatched",
        folder="mosec",
        dialects=MOSEC_DIALECTS,
        settings={each: _mosec(MOSEC_ORJSON="1", MOSEC_BATCH="1")[each] for each in (TINY, MINILM)},
    ),
    Contender(
        name="fastapi",
        folder="fastapi",
        dialects={
            Payload.JSON: requests.rows("/predict"),
            Payload.BINARY: requests.numbers("/bytes"),
            Payload.JPEG: requests.jpeg("/image"),
        },
        settings=_same(WORKERS="2"),
        known=5_400,
        start_seconds=4,
    ),
    Contender(
        name="litserve",
        folder="litserve",
        dialects={
            Payload.JSON: requests.rows("/predict"),
            Payload.BINARY: requests.form("/predict", "file", image=False),
            Payload.JPEG: requests.form("/predict", "file", image=True),
        },
        settings={
            TINY: _litserve(batch=16, workers=1, api_servers=3),
            EFFICIENTNET: _litserve(batch=1),
            MINILM: _litserve(batch=8),
        },
        known=1_700,
        start_seconds=6,
    ),
    Contender(
        name="bentoml",
        folder="bentoml",
        dialects={
            Payload.JSON: requests.arrays("/predict"),
            Payload.JPEG: requests.form("/image", "image", image=True),
        },
        settings={
            TINY: {"BENTOML_WORKERS": "2", "BENTOML_BATCH": "32"},
            EFFICIENTNET: {"BENTOML_WORKERS": "2", "BENTOML_BATCH": "1"},
        },
        known=700,
        start_seconds=6,
    ),
    Contender(
        name="mlserver",
        folder="mlserver",
        dialects={
            Payload.OIP: requests.oip(INFER),
            Payload.BINARY: requests.oip_base64(INFER, image=False),
            Payload.JPEG: requests.oip_base64(INFER, image=True),
        },
        settings=_same(MLSERVER_WORKERS="0", MLSERVER_BATCH="0", MLSERVER_WAIT="0"),
        known=2_200,
        start_seconds=5,
    ),
    Contender(
        name="kserve",
        folder="kserve",
        dialects={
            Payload.JSON: requests.instances("/v1/models/{model}:predict"),
            Payload.OIP: requests.oip(INFER),
            Payload.BINARY: requests.oip_binary(INFER),
            Payload.JPEG: requests.oip_jpeg(INFER),
        },
        settings=_same(KSERVE_WORKERS="2"),
        known=3_600,
        start_seconds=5,
    ),
    Contender(
        name="ray",
        folder="ray",
        dialects={
            Payload.JSON: requests.rows("/"),
            Payload.BINARY: requests.numbers("/"),
            Payload.JPEG: requests.jpeg("/"),
        },
        settings={
            TINY: _ray(replicas=1, batch=32),
            EFFICIENTNET: _ray(replicas=2, batch=1),
            MINILM: _ray(replicas=2, batch=8),
        },
        known=330,
        start_seconds=15,
    ),
)


def named(names: list[str] | None) -> list[Contender]:
    """Those with the given names, ours and the limit always among them; all when none is given."""
    unknown = set(names or ()) - {contender.name for contender in CONTENDERS}
    if unknown:
        raise SystemExit(
            f"no peer is named {', '.join(unknown)}; there are {', '.join(each.name for each in CONTENDERS)}"
        )
    return [each for each in CONTENDERS if not names or each.name in {OURS, LIMIT, *names}]
