"""Warps images by optical flow."""

import keras
import tensorflow as tf


def warp(images, flow):
    """Warps images by backward flow, with bilinear interpolation.

    The result at position (x, y) is the image at (x, y) + flow. Outside the image, the nearest pixel of the border is
    used. The result has gradients with respect to both the images and the flow.

    Args:
        images: (batch, height, width, channels), of any floating-point type.
        flow: (batch, height, width, 2), in pixels to the right and down.

    Returns:
        A tensor of the shape of `images`, in float32.

    Example:

    >>> images = np.float32([1, 2, 4]).reshape((1, 1, 3, 1))
    >>> half_a_pixel_left = np.float32([-0.5, 0]) * np.ones((1, 1, 3, 1), "float32")
    >>> kerasgan.layers.warp(images, half_a_pixel_left)[0, 0, :, 0].numpy()
    array([1. , 1.5, 3. ], dtype=float32)
    """
    images, flow = tf.cast(images, tf.float32), tf.cast(flow, tf.float32)
    batch, height, width, channels = keras.ops.shape(images)
    last_column, last_row = (tf.cast(side - 1, tf.float32) for side in (width, height))
    x = tf.clip_by_value(flow[..., 0] + tf.cast(tf.range(width), tf.float32), 0.0, last_column)
    y = tf.clip_by_value(flow[..., 1] + tf.cast(tf.range(height), tf.float32)[:, None], 0.0, last_row)
    # In the last column or row, the pixel is the second of the pair, so that both pixels exist.
    left = tf.minimum(tf.floor(x), tf.maximum(last_column - 1, 0.0))
    top = tf.minimum(tf.floor(y), tf.maximum(last_row - 1, 0.0))
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    pixels = tf.reshape(images, (batch, height * width, channels))
    first = tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)
    step_right, step_down = tf.minimum(1, width - 1), width * tf.minimum(1, height - 1)

    def row(place):
        one, two = (tf.gather(pixels, place + step, axis=1, batch_dims=1) for step in (0, step_right))
        return (1 - right_share) * one + right_share * two

    return (1 - lower_share) * row(first) + lower_share * row(first + step_down)


def follow(flow, then):
    """Composes two steps of backward flow: from a frame to the previous one, and from there by `then`.

    Args:
        flow: (batch, height, width, 2), backward flow from a frame t to t - 1.
        then: (batch, height, width, 2), backward flow from t - 1 to an earlier frame.

    Returns:
        float32 (batch, height, width, 2), the flow from t to the earlier frame. It is exact without occlusion.
    """
    return tf.cast(flow, tf.float32) + warp(then, flow)
