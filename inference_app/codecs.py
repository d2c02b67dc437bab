"""The protocols that a model speaks."""

from inference_app.protocols.call import Codec
from inference_app.protocols.open_inference import OpenInferenceCodec
from inference_app.protocols.predict import PredictCodec
from inference_app.protocols.sagemaker import InvocationsCodec
from inference_app.repository import ModelVersion


def make(version: ModelVersion) -> tuple[Codec, ...]:
    """One codec per protocol, in the order of `Api`; may take a while: tokenisers and hooks are loaded here."""
    predict = PredictCodec(version)
    return predict, OpenInferenceCodec(version.metadata), InvocationsCodec(version, predict)
