"""Keras's convolutions with a faster kernel gradient on CPUs for small images.

The kernel gradient is a convolution over the rows of the outputs. The CPU routines for it are slow if the rows are
short, and for images of one channel in bfloat16. In these cases it is faster to gather the patch of each output (the
unrolled convolution of Chellapilla, Puri, Simard 2006, section 3) and to multiply the patches with the gradient of the
outputs. `tests/benchmarks/README.md` gives the speedup. Both ways sum the same products, so they differ only by
rounding. The patches are (kernel size / stride)^2 times as large as the inputs. Transposed convolutions are handled in
the same way, with inputs and outputs swapped. Second gradients, which gradient penalties need, are TensorFlow's.
"""

import functools

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasgan")
class Conv2D(keras.layers.Conv2D):
    """Keras's `Conv2D` that computes its kernel gradient as one matrix product if that is faster on the CPU.

    Arguments, weights and arithmetic are those of `keras.layers.Conv2D`.
    """

    def call(self, inputs, training=False):
        plain = type(self).convolution_op is keras.layers.Conv2D.convolution_op  # not of a subclass
        if not (training and plain and _takes_product(self, inputs.shape[1:], inputs.dtype)):
            return super().call(inputs)
        strides, padding = self.strides, self.padding.upper()

        @tf.custom_gradient
        def convolve(images, kernel):
            def gradients(upstream):
                back = tf.nn.conv2d_transpose(upstream, kernel, tf.shape(images), strides, padding)
                return back, _kernel_gradient(images, upstream, kernel.shape, strides, padding)

            return tf.nn.conv2d(images, kernel, strides, padding), gradients

        return _biased(self, convolve(inputs, keras.ops.cast(self.kernel, inputs.dtype)))


@keras.saving.register_keras_serializable("kerasgan")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Keras's `Conv2DTranspose` that computes its kernel gradient as one matrix product if that is faster on the CPU.

    Arguments, weights and arithmetic are those of `keras.layers.Conv2DTranspose`.
    """

    def call(self, inputs, training=False):
        shape = self.compute_output_shape(inputs.shape)[1:]
        if not (training and _takes_product(self, shape, inputs.dtype)):
            return super().call(inputs)
        strides, padding = self.strides, self.padding.upper()

        @tf.custom_gradient
        def convolve(images, kernel):
            def gradients(upstream):
                upstream = tf.ensure_shape(upstream, (None, *shape))  # the tape may not know the shape
                back = tf.nn.conv2d(upstream, kernel, strides, padding)
                return back, _kernel_gradient(upstream, images, kernel.shape, strides, padding)

            return tf.nn.conv2d_transpose(images, kernel, [tf.shape(images)[0], *shape], strides, padding), gradients

        return _biased(self, convolve(inputs, keras.ops.cast(self.kernel, inputs.dtype)))


@keras.saving.register_keras_serializable("kerasgan")
class GroupedConv2D(keras.layers.Conv2D):
    """Keras's `Conv2D` with `groups`, computed by TensorFlow's own kernels.

    Keras computes grouped convolutions with XLA, which is many times slower on CPUs. TensorFlow has no gradients of
    them on CPUs without oneDNN, which is off without AVX-512. There, this class uses one matrix product per group.
    """

    def convolution_op(self, inputs, kernel):
        kernel, padding = tf.convert_to_tensor(kernel), self.padding.upper()
        if None in inputs.shape[1:] or _groups_have_gradients():
            return tf.nn.conv2d(inputs, kernel, self.strides, padding)
        return _grouped_products(inputs, kernel, self.groups, self.strides, padding)

    def call(self, inputs):
        """Adds the bias by `add_n`, as TensorFlow fuses a plain sum with the convolution.

        The fused operation does not support groups on CPUs without oneDNN, where an exported model may run.
        """
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            bias = tf.broadcast_to(keras.ops.cast(self.bias, outputs.dtype), tf.shape(outputs))
            outputs = tf.add_n([outputs, bias])
        return self.activation(outputs)


@functools.cache
def _groups_have_gradients():
    """Returns whether TensorFlow computes gradients of grouped convolutions on this machine."""
    if tf.config.list_logical_devices("GPU"):
        return True
    with tf.init_scope(), tf.device("CPU:0"):
        try:
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[1, 1, 1, 2],
                filter=tf.ones((1, 1, 1, 2)),
                out_backprop=tf.ones((1, 1, 1, 2)),
                strides=[1, 1, 1, 1],
                padding="VALID",
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def _grouped_products(images, kernel, groups, strides, padding):
    """Computes a grouped convolution as products of patches with the kernel of each group."""
    sizes, kernel_size = images.shape[1:3], kernel.shape[:2]
    (rows, top, bottom), (columns, left, right) = (_places(*axis, padding) for axis in zip(sizes, kernel_size, strides))
    padded = tf.pad(images, [[0, 0], [top, bottom], [left, right], [0, 0]])
    parts = tf.split(padded, groups, axis=-1)
    padded = tf.stack(parts)  # (groups, batch, height, width, channels of a group)
    down, along = ((places - 1) * stride + 1 for places, stride in zip((rows, columns), strides))
    seen = [
        padded[:, :, i : i + down : strides[0], j : j + along : strides[1]]
        for i in range(kernel_size[0])
        for j in range(kernel_size[1])
    ]
    seen = tf.reshape(tf.concat(seen, axis=-1), (groups, -1, kernel_size[0] * kernel_size[1] * kernel.shape[2]))
    kernels = tf.stack(tf.split(tf.reshape(kernel, (-1, kernel.shape[-1])), groups, axis=-1))
    outputs = tf.matmul(seen, kernels)  # (groups, batch * rows * columns, outputs of a group)
    return tf.reshape(tf.transpose(outputs, (1, 0, 2)), (-1, rows, columns, kernel.shape[-1]))


def _takes_product(layer, shape, dtype):
    """Returns whether to compute the kernel gradient as a product, for images of `shape` on the pixel side."""
    *sizes, channels = shape
    known = None not in sizes and dtype in ("float32", "bfloat16")
    simple = layer.data_format == "channels_last" and layer.dilation_rate in (1, (1, 1))
    simple = simple and getattr(layer, "groups", 1) == 1 and layer.padding in ("same", "valid")
    if not (known and simple) or {device.device_type for device in tf.config.list_logical_devices()} != {"CPU"}:
        return False
    places = [_places(*axis, layer.padding.upper())[0] for axis in zip(sizes, layer.kernel_size, layer.strides)]
    return min(places) > 0 and _product_is_faster(max(places), channels, layer.kernel_size, layer.strides, dtype)


def _product_is_faster(places, channels, kernel_size, strides, dtype):
    if max(kernel_size) == 1:
        return False  # already computed as a product
    strided = min(strides) > 1
    short = places <= 4 or (places <= 8 and strided)
    if dtype == "bfloat16":
        return (channels == 1 and strided) or (channels >= 64 and short)
    return channels >= 256 and short


def _places(size, kernel, stride, padding):
    """Returns the number of positions of a kernel along an axis, and the padding before and after the axis."""
    if padding == "VALID":
        return (size - kernel) // stride + 1, 0, 0
    places = -(-size // stride)
    zeros = max((places - 1) * stride + kernel - size, 0)
    return places, zeros // 2, zeros - zeros // 2


def _kernel_gradient(images, upstream, shape, strides, padding):
    """Returns the kernel gradient of a convolution of `images` with the upstream gradient `upstream`."""
    height, width, channels = images.shape[1:]
    seen = shape[0] * shape[1]  # pixels per output
    if channels == 1:  # gathering by a convolution is faster here
        each = tf.reshape(tf.eye(seen, dtype=images.dtype), (*shape[:2], 1, seen))
        pixels = tf.nn.conv2d(images, each, strides, padding)
    else:
        (rows, top, bottom), (columns, left, right) = (
            _places(*axis, padding) for axis in zip((height, width), shape, strides)
        )
        height, width = top + height + bottom, left + width + right
        i, j, k, m = np.ix_(range(rows), range(columns), range(shape[0]), range(shape[1]))
        places = (i * strides[0] + k) * width + j * strides[1] + m
        padded = tf.pad(images, [[0, 0], [top, bottom], [left, right], [0, 0]])
        pixels = tf.gather(tf.reshape(padded, (-1, height * width, channels)), places.reshape(-1), axis=1)
    pixels, upstream = tf.reshape(pixels, (-1, seen * channels)), tf.reshape(upstream, (-1, shape[-1]))
    return tf.reshape(tf.matmul(pixels, upstream, transpose_a=True), shape)


def _biased(layer, outputs):
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, keras.ops.cast(layer.bias, outputs.dtype))
    return outputs if layer.activation is None else layer.activation(outputs)
