"""The Inception-v3 network of 2015, used by published FIDs, in Keras.

It differs from `keras.applications.InceptionV3`: it has other weights (1,008 classes), resizes images as TensorFlow 1
did, ignores padding in average pooling, and uses max pooling in the last block.
"""

import hashlib
import os

import keras
import tensorflow as tf

from kerasgan.downloads import cache_folder, fetch, is_offline
from kerasgan.files import replacing, sha256_of
from kerasgan.networks.efficientnet import assign_torch_weights
from kerasgan.networks.torch_weights import read_torch_weights

WEIGHTS_VARIABLE = "KERASGAN_INCEPTION_WEIGHTS"
WEIGHTS_NAME = "weights-inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS_NAME}"
# the usual file name ends in the first digits of the file's SHA-256
WEIGHTS_HASH = "6726825d"
WEIGHTS_BYTES = 200 << 20  # more than twice the size of the file


@keras.saving.register_keras_serializable("kerasgan")
class LegacyResize(keras.layers.Layer):
    """Rounds images in [-1, 1] to 8 bits, as in files, and resizes them as TensorFlow 1 did, without antialiasing.

    Args:
        height: int.
        width: int.
    """

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def call(self, images):
        pixels = tf.round(tf.clip_by_value((tf.cast(images, tf.float32) + 1.0) * 127.5, 0.0, 255.0))
        size = [self.height, self.width]
        resized = tf.raw_ops.ResizeBilinear(images=pixels, size=size, align_corners=False, half_pixel_centers=False)
        return (resized - 128.0) / 128.0

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "height": self.height, "width": self.width}


def inception_v3(weights="fid"):
    """Inception-v3 (Szegedy et al. 2016) as converted in 2015, the network of Heusel et al. 2017.

    Args:
        weights: "fid", the path of such a `.pth` file, or None for random weights. For "fid", the file is named by the
            environment variable KERASGAN_INCEPTION_WEIGHTS, or downloaded once into the folder KERASGAN_HOME, with a
            check of its hash.

    Returns:
        keras.Model: images (n, height, width, 3) in [-1, 1] -> dict of "64", "192", "768" and "2048" (features averaged
        over height and width) and "logits_unbiased" (n, 1008).

    Raises:
        ValueError: if the weights are not available, are damaged or do not fit.

    Example:

    >>> from kerasgan.metrics.inception import inception_v3
    >>> inception_v3(weights=None).output["2048"].shape
    (None, 2048)
    """
    # first, so that a missing file fails fast
    tensors = None if weights is None else read_torch_weights(_weights_file() if weights == "fid" else weights)
    images = keras.Input((None, None, 3), name="images")
    x = LegacyResize(299, 299)(images)
    x = _convolve(x, "Conv2d_1a_3x3", 32, 3, 2, "valid")
    x = _convolve(x, "Conv2d_2a_3x3", 32, 3, 1, "valid")
    x = _convolve(x, "Conv2d_2b_3x3", 64, 3)
    x = keras.layers.MaxPooling2D(3, 2)(x)
    outputs = {"64": _average(x)}
    x = _convolve(x, "Conv2d_3b_1x1", 80, 1)
    x = _convolve(x, "Conv2d_4a_3x3", 192, 3, 1, "valid")
    x = keras.layers.MaxPooling2D(3, 2)(x)
    outputs["192"] = _average(x)
    x = _block_a(x, "Mixed_5b", 32)
    x = _block_a(x, "Mixed_5c", 64)
    x = _block_a(x, "Mixed_5d", 64)
    x = _block_b(x, "Mixed_6a")
    x = _block_c(x, "Mixed_6b", 128)
    x = _block_c(x, "Mixed_6c", 160)
    x = _block_c(x, "Mixed_6d", 160)
    x = _block_c(x, "Mixed_6e", 192)
    outputs["768"] = _average(x)
    x = _block_d(x, "Mixed_7a")
    x = _block_e(x, "Mixed_7b", keras.layers.AveragePooling2D(3, 1, "same"))
    x = _block_e(x, "Mixed_7c", keras.layers.MaxPooling2D(3, 1, "same"))
    outputs["2048"] = _average(x)
    outputs["logits_unbiased"] = keras.layers.Dense(1008, use_bias=False, name="fc")(outputs["2048"])
    model = keras.Model(images, outputs, name="inception_v3_2015")
    if tensors is not None:
        # without the bias, as only the Inception Score uses the logits
        assign_torch_weights(model, {name: value for name, value in tensors.items() if name != "fc.bias"})
    return model


def _weights_file():
    path = os.environ.get(WEIGHTS_VARIABLE)
    if path:
        if not os.path.isfile(path):
            raise ValueError(
                f"{WEIGHTS_VARIABLE} must name the Inception weight file. Received: {path!r}, no such file"
            )
        return path
    path = cache_folder() / WEIGHTS_NAME
    if not path.is_file():
        _download(WEIGHTS_URL, path, WEIGHTS_HASH)
        return path
    found = sha256_of(path)
    if not found.startswith(WEIGHTS_HASH):
        raise ValueError(f"{path} must have a SHA-256 that begins with {WEIGHTS_HASH}. Received: {found}; remove it")
    return path


def _download(url, path, expected):
    advice = f"Fetch the file elsewhere and set {WEIGHTS_VARIABLE} to its path, or use another extractor, e.g. "
    advice += "'efficientnet_lite0'."
    if is_offline():
        raise ValueError(f"{path} is not in the cache and KERASGAN_OFFLINE is set. {advice}")
    try:
        content = fetch(url, WEIGHTS_BYTES)
    except OSError as error:
        raise ValueError(f"The Inception weights could not be downloaded from {url} ({error}). {advice}") from error
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(expected):
        raise ValueError(f"{url} must have a SHA-256 that begins with {expected}. Received: {digest}; try again")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _convolve(x, name, filters, kernel, strides=1, padding="same"):
    x = keras.layers.Conv2D(filters, kernel, strides, padding, use_bias=False, name=f"{name}.conv")(x)
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}.bn")(x)
    return keras.layers.ReLU()(x)


def _average(x):
    return keras.layers.GlobalAveragePooling2D()(x)


def _join(*branches):
    return keras.layers.Concatenate()(branches)


def _block_a(x, name, pool_filters):
    one = _convolve(x, f"{name}.branch1x1", 64, 1)
    five = _convolve(x, f"{name}.branch5x5_1", 48, 1)
    five = _convolve(five, f"{name}.branch5x5_2", 64, 5)
    double = _convolve(x, f"{name}.branch3x3dbl_1", 64, 1)
    double = _convolve(double, f"{name}.branch3x3dbl_2", 96, 3)
    double = _convolve(double, f"{name}.branch3x3dbl_3", 96, 3)
    # TensorFlow excludes the padding from the average
    pool = keras.layers.AveragePooling2D(3, 1, "same")(x)
    return _join(one, five, double, _convolve(pool, f"{name}.branch_pool", pool_filters, 1))


def _block_b(x, name):
    three = _convolve(x, f"{name}.branch3x3", 384, 3, 2, "valid")
    double = _convolve(x, f"{name}.branch3x3dbl_1", 64, 1)
    double = _convolve(double, f"{name}.branch3x3dbl_2", 96, 3)
    double = _convolve(double, f"{name}.branch3x3dbl_3", 96, 3, 2, "valid")
    return _join(three, double, keras.layers.MaxPooling2D(3, 2)(x))


def _block_c(x, name, width):
    one = _convolve(x, f"{name}.branch1x1", 192, 1)
    seven = _convolve(x, f"{name}.branch7x7_1", width, 1)
    seven = _convolve(seven, f"{name}.branch7x7_2", width, (1, 7))
    seven = _convolve(seven, f"{name}.branch7x7_3", 192, (7, 1))
    double = _convolve(x, f"{name}.branch7x7dbl_1", width, 1)
    double = _convolve(double, f"{name}.branch7x7dbl_2", width, (7, 1))
    double = _convolve(double, f"{name}.branch7x7dbl_3", width, (1, 7))
    double = _convolve(double, f"{name}.branch7x7dbl_4", width, (7, 1))
    double = _convolve(double, f"{name}.branch7x7dbl_5", 192, (1, 7))
    pool = keras.layers.AveragePooling2D(3, 1, "same")(x)
    return _join(one, seven, double, _convolve(pool, f"{name}.branch_pool", 192, 1))


def _block_d(x, name):
    three = _convolve(x, f"{name}.branch3x3_1", 192, 1)
    three = _convolve(three, f"{name}.branch3x3_2", 320, 3, 2, "valid")
    seven = _convolve(x, f"{name}.branch7x7x3_1", 192, 1)
    seven = _convolve(seven, f"{name}.branch7x7x3_2", 192, (1, 7))
    seven = _convolve(seven, f"{name}.branch7x7x3_3", 192, (7, 1))
    seven = _convolve(seven, f"{name}.branch7x7x3_4", 192, 3, 2, "valid")
    return _join(three, seven, keras.layers.MaxPooling2D(3, 2)(x))


def _block_e(x, name, pooling):
    one = _convolve(x, f"{name}.branch1x1", 320, 1)
    three = _convolve(x, f"{name}.branch3x3_1", 384, 1)
    wide = _convolve(three, f"{name}.branch3x3_2a", 384, (1, 3))
    high = _convolve(three, f"{name}.branch3x3_2b", 384, (3, 1))
    double = _convolve(x, f"{name}.branch3x3dbl_1", 448, 1)
    double = _convolve(double, f"{name}.branch3x3dbl_2", 384, 3)
    double_wide = _convolve(double, f"{name}.branch3x3dbl_3a", 384, (1, 3))
    double_high = _convolve(double, f"{name}.branch3x3dbl_3b", 384, (3, 1))
    pool = _convolve(pooling(x), f"{name}.branch_pool", 192, 1)
    return _join(one, wide, high, double_wide, double_high, pool)
