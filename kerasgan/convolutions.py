"""Keras's convolutions with a faster kernel gradient on CPUs for small images.

The gradient of a kernel is a convolution too, over the rows of the outputs. Where these are short, the CPU's routines
for it idle, as they do, in bfloat16, for images of one channel. To gather what each output sees (the unrolled
convolution of Chellapilla, Puri, Simard 2006, section 3) and to multiply that with the outputs' gradient is faster
then; `tests/benchmarks/README.md` says by how much. The same products are summed; the ways differ by rounding. What is
gathered is (kernel size / stride)^2 times as large as the inputs. The same holds for transposed convolutions, whose
outputs are the inputs of the convolution that they transpose. What a gradient penalty adds to the gradient of a kernel
is computed as ever.
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
        plain = type(self).convolution_op is keras.layers.Conv2D.convolution_op  # no subclass computes something else
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
                upstream = tf.ensure_shape(upstream, (None, *shape))  # a tape does not say
                back = tf.nn.conv2d(upstream, kernel, strides, padding)
                return back, _kernel_gradient(upstream, images, kernel.shape, strides, padding)

            return tf.nn.conv2d_transpose(images, kernel, [tf.shape(images)[0], *shape], strides, padding), gradients

        return _biased(self, convolve(inputs, keras.ops.cast(self.kernel, inputs.dtype)))


@keras.saving.register_keras_serializable("kerasgan")
class GroupedConv2D(keras.layers.Conv2D):
    """Keras's `Conv2D` with `groups`, by TensorFlow's own kernels.

    Keras hands convolutions in groups to XLA, which on CPUs is many times slower. TensorFlow has no gradients of them
    on CPUs without oneDNN, which it leaves off where AVX-512 is missing; one product for each group computes them
    there.
    """

    def convolution_op(self, inputs, kernel):
        kernel, padding = tf.convert_to_tensor(kernel), self.padding.upper()
        if None in inputs.shape[1:] or _groups_have_gradients():
            return tf.nn.conv2d(inputs, kernel, self.strides, padding)
        return _grouped_products(inputs, kernel, self.groups, self.strides, padding)

    def call(self, inputs):
        """Adds the bias by `add_n`: a plain sum TensorFlow joins to the convolution, and it cannot compute the two
        together in groups on CPUs without oneDNN, to which an exported model may come."""
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            bias = tf.broadcast_to(keras.ops.cast(self.bias, outputs.dtype), tf.shape(outputs))
            outputs = tf.add_n([outputs, bias])
        return self.activation(outputs)


@functools.cache
def _groups_have_gradients():
    """Whether TensorFlow computes gradients of convolutions in groups on this machine."""
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
    """A convolution in groups: what each output sees of its group, times the group's kernel."""
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
    """Whether the gradient of the kernel is to be a product, for images of `shape` on the side of the pixels."""
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
        return False  # that is a product already
    strided = min(strides) > 1
    short = places <= 4 or (places <= 8 and strided)
    if dtype == "bfloat16":
        return (channels == 1 and strided) or (channels >= 64 and short)
    return channels >= 256 and short


def _places(size, kernel, stride, padding):
    """Returns how many places a kernel has along an axis, and the zeros before and after the axis."""
    if padding == "VALID":
        return (size - kernel) // stride + 1, 0, 0
    places = -(-size // stride)
    zeros = max((places - 1) * stride + kernel - size, 0)
    return places, zeros // 2, zeros - zeros // 2


def _kernel_gradient(images, upstream, shape, strides, padding):
    """The gradient of the kernel of a convolution of `images` that receives the gradient `upstream`."""
    height, width, channels = images.shape[1:]
    seen = shape[0] * shape[1]  # pixels, by each output
    if channels == 1:  # a convolution gathers faster then
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
