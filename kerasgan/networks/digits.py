"""The classifier of digits of domain-adversarial training, in parts that two domains can share."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.shapes import as_size


def head(features, hidden, outputs, name):
    """Dense layers on features, for the label predictor and the domain classifier (Ganin et al. 2016, figure 4a).

    Args:
        features: int. Length of the features.
        hidden: list of ints. Units of the ReLU layers.
        outputs: int. Number of logits.
        name: str. Of the network.

    Returns:
        A `keras.Model`, (batch, features) -> (batch, outputs) logits.
    """
    x = inputs = keras.Input((features,), name="features")
    for units in hidden:
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(outputs, dtype="float32")(x), name=name)


def digit_stem(image_size, channels, name):
    """The first convolution of `DANN`'s classifier of digits. Each domain has its own.

    Returns:
        A `keras.Model`, images -> features.
    """
    images = keras.Input((*as_size(image_size), channels), name="images")
    x = Conv2D(32, 5, padding="same", activation="relu")(layers.Rescaling(0.5)(images))
    return keras.Model(images, layers.MaxPooling2D(2)(x), name=name)


def digit_classifier(shape, num_classes):
    """The rest of `DANN`'s classifier of digits, which both domains share.

    Returns:
        A `keras.Model`, features of `shape` -> (batch, num_classes) logits.
    """
    features = keras.Input(shape, name="features")
    x = layers.MaxPooling2D(2)(Conv2D(48, 5, padding="same", activation="relu")(features))
    x = layers.Flatten()(x)
    logits = head(x.shape[-1], [100, 100], num_classes, "label_predictor")(x)
    return keras.Model(features, logits, name="classifier")
