"""Layers that papers on adversarial networks introduced or rely on and that Keras lacks."""

from kerasgan.layers.activations import LeakyReLU, Maxout, reverse_gradient
from kerasgan.layers.arithmetic import moments, normalize, wide
from kerasgan.layers.attention import SelfAttention
from kerasgan.layers.dropout import Dropout, SpatialDropout2D
from kerasgan.layers.minibatch import MinibatchDiscrimination, MinibatchStdDev, Pack
from kerasgan.layers.normalizations import (
    BatchNormalization,
    ConditionalBatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
)
from kerasgan.layers.pictures import ClippedSamples, LearnedBasis
from kerasgan.layers.resampling import PixelShuffle, ReflectionPadding2D, SmoothDownSampling2D, SmoothUpSampling2D
from kerasgan.layers.spectral import SpectralNormalization

__all__ = [
    "BatchNormalization",
    "ClippedSamples",
    "ConditionalBatchNormalization",
    "Dropout",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyReLU",
    "LearnedBasis",
    "Maxout",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "Pack",
    "PixelShuffle",
    "ReflectionPadding2D",
    "SelfAttention",
    "SmoothDownSampling2D",
    "SmoothUpSampling2D",
    "SpatialDropout2D",
    "SpectralNormalization",
    "moments",
    "normalize",
    "reverse_gradient",
    "wide",
]
