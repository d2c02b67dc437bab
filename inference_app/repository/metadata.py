"""metadata.json: what a version declares about itself."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from inference_app.preprocessing.declarations import (
    DetectorDeclaration,
    EmbeddingPostprocessing,
    LabelPostprocessing,
    Pooling,
    Postprocessing,
    Preprocessing,
    Sha256,
    TextPreprocessing,
)
from inference_app.tensors import TensorSpec


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Golden(_Frozen):
    """An input with the output that the training framework computed for it."""

    file: str
    tolerance: float = Field(gt=0)


class Sample(_Frozen):
    """A file that a client can send, with the label it should get."""

    file: str
    label: str


class Metadata(_Frozen):
    """The content of a version's metadata.json."""

    name: str
    version: str
    created: AwareDatetime
    run: str | None = None
    """The training run that it came from: an identifier or a URL."""
    framework: str
    sha256: Sha256
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    labels: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    postprocessing: Postprocessing | None = None
    hook_sha256: Sha256 | None = None
    detector: DetectorDeclaration | None = None
    cacheable: bool = True
    """False for a model whose answers to the same input differ: no result cache keeps them."""
    golden: Golden
    samples: tuple[Sample, ...] = ()
    metrics: dict[str, float] = {}

    @model_validator(mode="after")
    def _preprocessing_fits(self) -> "Metadata":
        if self.preprocessing is None:
            return self
        if self.hook_sha256 is not None:
            raise ValueError("preprocessing is declared and left to preprocess.py (hook_sha256) at once")
        self.preprocessing.check(self.inputs)
        return self

    @model_validator(mode="after")
    def _postprocessing_fits(self) -> "Metadata":
        if self.labels is None:
            if isinstance(self.postprocessing, LabelPostprocessing):
                raise ValueError("postprocessing gives labels, none are declared")
        elif self.outputs[0].shape != (-1, len(self.labels)):
            raise ValueError(f"{len(self.labels)} labels need a first output of shape [-1, {len(self.labels)}]")
        elif not self.outputs[0].datatype.startswith("FP"):
            raise ValueError(f"labels need a first output of fractions, got {self.outputs[0].datatype}")
        if isinstance(self.postprocessing, EmbeddingPostprocessing):
            self._check_embedding(self.postprocessing.pooling)
        return self

    def _check_embedding(self, pooling: Pooling) -> None:
        dimensions = 2 if pooling is Pooling.NONE else 3
        output = self.outputs[0]
        if len(output.shape) != dimensions or not output.datatype.startswith("FP"):
            raise ValueError(f"pooling {pooling} needs a first output of fractions with {dimensions} dimensions")
        is_text = isinstance(self.preprocessing, TextPreprocessing) and self.preprocessing.mask is not None
        if pooling is Pooling.MEAN and not is_text:
            raise ValueError("pooling mean needs text preprocessing with a mask, to leave padding out")
