"""Tracks whose requests are to be shared out."""

import json
from typing import Any

from infra.serving.track import tracks
from infra.serving.traffic.split import Split
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings


def split(traffic: str = "istio", stable: int = 90, *, grpc: bool = False) -> Split:
    """A stable track and a canary in the namespace `models`, with the weights that add up to 100."""
    shares = {"stable": {"weight": stable}, "canary": {"weight": 100 - stable}}
    blocks: dict[str, Any] = {"namespace": "models", "grpc": grpc, "rollout": {"traffic": traffic, "tracks": shares}}
    if traffic == "gateway-api":
        blocks["gateway"] = {"hostName": "predict.example.com", "tls": {"clusterIssuer": "company"}}
    settings = ServingSettings.model_validate_json(json.dumps(blocks))
    return Split(settings=settings, tracks=tracks(ModelSettings(name="digits"), settings, "r/m@sha256:1"))
