"""The network and its training."""

import keras
import tensorflow as tf
from keras import layers

from inference_app.training.data import HEIGHT, LABELS, WIDTH, Digits

INPUT = "image"
OUTPUT = "probabilities"
EPOCHS = 30
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
FRAMEWORK = f"keras {keras.__version__}, tensorflow {tf.__version__}"


def build() -> keras.Model:
    """A convolutional network from float32 [n, 8, 8, 1] to class probabilities, float32 [n, 10]."""
    image = keras.Input((HEIGHT, WIDTH, 1), name=INPUT)
    features = _convolution(image, 32)
    features = _convolution(features, 32)
    features = layers.MaxPooling2D()(features)
    features = _convolution(features, 48)
    features = _convolution(features, 48)
    # Unlike Flatten, this exports without shape arithmetic, which a GPU session would run on the CPU.
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dropout(0.4)(features)
    return keras.Model(image, layers.Dense(len(LABELS), activation="softmax", name=OUTPUT)(features))


def train(digits: Digits, seed: int) -> keras.Model:
    """Trains on the train part, a line per epoch; the same seed on the same machine gives the same weights."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    steps = EPOCHS * -(-len(digits.train) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model = build()
    model.compile(keras.optimizers.Adam(schedule), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        digits.train.inputs,
        digits.train.labels,
        validation_data=(digits.validation.inputs, digits.validation.labels),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        verbose=2,
    )
    return model


def _convolution(features: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    features = layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
    features = layers.BatchNormalization(momentum=0.9)(features)
    return layers.ReLU()(features)
