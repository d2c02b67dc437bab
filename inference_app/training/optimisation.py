"""The variants of a trained network, written and ready to be asked."""

import logging
import shutil
from pathlib import Path

import keras

from inference_app.training import formats, pruning, quantisation, runtimes
from inference_app.training import run as runs
from inference_app.training.dataset.examples import DataSet
from inference_app.training.evaluation import check_agreement
from inference_app.training.network import TrainingSettings
from inference_app.training.run import Run
from inference_app.training.variant import Answers, Kind, Variant

logger = logging.getLogger(__name__)


def make(run_folder: Path, run: Run, data: DataSet, sparsity: float, epochs: int, folder: Path) -> dict[Kind, Variant]:
    """Writes every kind into `folder`; pruning takes a `sparsity` share of weights and `epochs` to get over it.

    Raises `TrainingError` where the run was not exported.
    """
    exports, model = runs.exports(run_folder), runs.load_model(run_folder)
    files = {kind: folder / kind.file for kind in Kind}
    trained = _answers(model, data)
    ranges = quantisation.calibration(data.train.inputs, data.manifest.seed)
    logger.info("Quantising by %d images", len(ranges))
    shutil.copyfile(exports / runs.ONNX, files[Kind.FLOAT])
    shutil.copyfile(exports / runs.LITERT, files[Kind.LITERT])
    quantisation.dynamic(exports / runs.ONNX, files[Kind.DYNAMIC])
    quantisation.static(exports / runs.ONNX, files[Kind.STATIC], ranges)
    (saved_model,) = (exports / runs.SAVED_MODEL / run.name).iterdir()
    quantisation.litert(saved_model, files[Kind.LITERT_INT8], ranges)
    logger.info("Pruning %.0f %% of the weights, and training on", 100 * sparsity)
    pruning.prune(model, data, _settings(run, epochs), sparsity)
    formats.write_onnx(model, files[Kind.PRUNED])
    pruned = _answers(model, data)
    check_agreement(
        "ONNX Runtime", runtimes.predict_all(runtimes.onnx(files[Kind.PRUNED]), data.test.inputs), pruned.held_out
    )
    return {
        kind: Variant(
            kind=kind,
            path=path,
            predict=runtimes.onnx(path) if kind.is_servable else runtimes.litert(path),
            answers=pruned if kind is Kind.PRUNED else trained,
        )
        for kind, path in files.items()
    }


def _answers(model: keras.Model, data: DataSet) -> Answers:
    return Answers(held_out=model.predict(data.test.inputs, verbose=0), golden=model.predict(data.golden, verbose=0))


def _settings(run: Run, epochs: int) -> TrainingSettings:
    names = TrainingSettings.__dataclass_fields__
    return TrainingSettings(**{name: run.parameters[name] for name in names} | {"epochs": epochs})
