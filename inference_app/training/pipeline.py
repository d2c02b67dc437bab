"""From the scans to a version in the model repository."""

import logging
from pathlib import Path

import keras

from inference_app.staging import record
from inference_app.staging.files import staged_version, write_text
from inference_app.staging.lock import locked
from inference_app.training import artefact, card, data, network
from inference_app.training.evaluation import Evaluation, check_agreement, evaluate
from inference_app.training.export import export_onnx

NAME = "digits"
VERSION = "1"
SEED = 2026
GOLDEN_EXAMPLES = 4

log = logging.getLogger(__name__)


def train_and_write(repository: Path, *, created: str) -> None:
    """Trains the network and writes it as `repository/digits/1`, the active version, with the model's README.

    `created` is RFC 3339. Raises `RefusedModelError`, the repository left as it was, when the model misses a limit.
    """
    digits = data.load(SEED)
    log.info("Training on %d scans; %d validate, %d are held out", *map(len, digits.parts))
    model = network.train(digits, SEED)
    probabilities = model.predict(digits.held_out.inputs, verbose=0)
    evaluation = evaluate(digits.held_out.labels, probabilities)
    log.info("Held-out accuracy: %.2f%% of %d", 100 * evaluation.accuracy, evaluation.examples)
    with locked(repository / NAME):
        with staged_version(repository / NAME, VERSION) as folder:
            export_onnx(model, folder / artefact.MODEL)
            difference = check_agreement(folder / artefact.MODEL, digits.held_out.inputs, probabilities)
            log.info("ONNX Runtime and Keras differ by %.1e at most", difference)
            _describe(folder, model, digits.held_out, evaluation, created)
        record.activate(repository / NAME, VERSION)
        write_text(repository / NAME / "README.md", card.render(digits, evaluation))
    log.info("Wrote %s", repository / NAME / VERSION)


def _describe(folder: Path, model: keras.Model, held_out: data.Examples, evaluation: Evaluation, created: str) -> None:
    samples = data.choose_samples(held_out)
    entries = artefact.write_samples(folder, samples)
    golden = samples[:GOLDEN_EXAMPLES].inputs
    artefact.write_golden(folder, golden, model.predict(golden, verbose=0))
    artefact.write_metadata(folder, name=NAME, version=VERSION, created=created, samples=entries, evaluation=evaluation)
