"""Checks that Keras runs on TensorFlow."""

import os


def check_backend():
    """Raises an ImportError unless the backend of Keras is TensorFlow.

    Call it before Keras is imported, as Keras raises its own error if its backend is not installed.
    """
    chosen = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if chosen == "tensorflow":
        import keras

        chosen = keras.backend.backend()  # from Keras's configuration file
    if chosen != "tensorflow":
        raise ImportError(
            f"kerasgan needs Keras on TensorFlow: unset KERAS_BACKEND, or set it to 'tensorflow'. Received: {chosen!r}"
        )


def check_keras():
    """Raises a ValueError unless images have channels last and weights are float32."""
    import keras

    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "kerasgan needs images with channels last: `keras.config.set_image_data_format('channels_last')`. "
            f"Received: {keras.config.image_data_format()!r}"
        )
    if keras.config.floatx() != "float32":
        raise ValueError(
            "kerasgan needs float32 weights: `keras.config.set_floatx('float32')`; for speed "
            f"`keras.config.set_dtype_policy('mixed_bfloat16')`. Received: floatx {keras.config.floatx()!r}"
        )


check_backend()
