"""The network, for images of any size, and its training."""

import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from inference_app.training.dataset.examples import DataSet, Examples
from inference_app.training.dataset.reading import INPUT
from inference_app.training.run import OUTPUT

FRAMEWORK = f"keras {keras.__version__}, tensorflow {tf.__version__}"
WIDTHS = (16, 32, 48, 64, 96, 128)
UNBALANCED = 1.5
"""The largest label's share by the smallest's, from which on labels are weighed."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """`patience` is how many epochs in a row may bring nothing; `xla` compiles the steps."""

    seed: int
    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    xla: bool


def build(shape: tuple[int, int, int], labels: int) -> keras.Model:
    """A convolutional network from float32 [n, height, width, channels] to probabilities, float32 [n, labels]."""
    image = features = keras.Input(shape, name=INPUT)
    for stage, filters in enumerate(widths(min(shape[:2]))):
        if stage:
            features = layers.MaxPooling2D(padding="same")(features)
        features = _convolution(features, filters)
        features = _convolution(features, filters)
    # Unlike Flatten, this exports without shape arithmetic, which a GPU session would run on the CPU.
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dropout(0.4)(features)
    return keras.Model(image, layers.Dense(labels, activation="softmax", name=OUTPUT)(features))


def widths(side: int) -> tuple[int, ...]:
    """Filters of each stage: one more each time the shorter side, in pixels, doubles; the last sees 4 to 7 of them."""
    stages = min(max(2, math.floor(math.log2(side)) - 1), len(WIDTHS))
    return WIDTHS[3 - stages : 3] if stages < 3 else WIDTHS[:stages]


def train(data: DataSet, settings: TrainingSettings) -> tuple[keras.Model, dict[str, list[float]]]:
    """Trains a line per epoch until validation gets no better; the network at its best, and the course of it.

    The same seed and data on the same machine give the same weights.
    """
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    model = build(data.manifest.preprocessing.shape, len(data.manifest.labels))
    compiled(model, data.train, settings)
    patience = keras.callbacks.EarlyStopping("val_loss", patience=settings.patience, restore_best_weights=True)
    return model, fit(model, data, settings, [patience])


def compiled(model: keras.Model, examples: Examples, settings: TrainingSettings) -> None:
    """Prepare a model to be fitted, the learning rate falling to nothing over the epochs."""
    steps = settings.epochs * math.ceil(len(examples) / settings.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=settings.xla,
    )


def fit(
    model: keras.Model, data: DataSet, settings: TrainingSettings, callbacks: list[keras.callbacks.Callback]
) -> dict[str, list[float]]:
    """Fit a compiled model to the train part; the course of its metrics, a number per epoch."""
    course = model.fit(
        data.train.inputs,
        data.train.labels,
        validation_data=(data.validation.inputs, data.validation.labels),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        class_weight=class_weights(data.train),
        callbacks=callbacks,
        verbose=2,
    )
    return {name: [float(value) for value in values] for name, values in course.history.items()}


def class_weights(examples: Examples) -> dict[int, float] | None:
    """What makes each label weigh the same; None where they nearly do."""
    counts = np.bincount(examples.labels)
    if counts.max() <= UNBALANCED * counts.min():
        return None
    return {label: len(examples) / (len(counts) * int(count)) for label, count in enumerate(counts)}


def _convolution(features: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    features = layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
    features = layers.BatchNormalization(momentum=0.9)(features)
    return layers.ReLU()(features)
