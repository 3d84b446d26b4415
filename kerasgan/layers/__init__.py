"""Layers of papers on adversarial networks that are not in Keras."""

from kerasgan.layers.activations import LeakyReLU, Maxout, reverse_gradient
from kerasgan.layers.arithmetic import moments, normalize, wide
from kerasgan.layers.attention import SelfAttention
from kerasgan.layers.dropout import Dropout, SpatialDropout2D
from kerasgan.layers.equalized import BiasedRectifier, EqualizedConv2D, EqualizedDense
from kerasgan.layers.filters import Resample, upfirdn
from kerasgan.layers.instances import InstanceMean, instance_boundaries
from kerasgan.layers.minibatch import MinibatchDiscrimination, MinibatchStdDev, Pack
from kerasgan.layers.normalizations import (
    BatchNormalization,
    ConditionalBatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
)
from kerasgan.layers.pictures import ClippedSamples, LearnedBasis
from kerasgan.layers.pooling import MaxPoolingWithIndices, Unpooling
from kerasgan.layers.resampling import (
    AlignedUpSampling2D,
    PixelShuffle,
    ReflectionPadding2D,
    SmoothDownSampling2D,
    SmoothUpSampling2D,
)
from kerasgan.layers.spectral import SpectralNormalization
from kerasgan.layers.styles import (
    LearnedConstant,
    ModulatedConv2D,
    Noise,
    PixelNormalization,
    StyleModulation,
    TrackedMean,
)
from kerasgan.layers.virtual_batch import DropReference, ReferenceBatch, VirtualBatchNormalization
from kerasgan.layers.warping import follow, warp
from kerasgan.layers.weight_norm import WeightNormalization, initialize_by_data

__all__ = [
    "AlignedUpSampling2D",
    "BatchNormalization",
    "BiasedRectifier",
    "ClippedSamples",
    "ConditionalBatchNormalization",
    "DropReference",
    "Dropout",
    "EqualizedConv2D",
    "EqualizedDense",
    "GroupNormalization",
    "InstanceMean",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyReLU",
    "LearnedBasis",
    "LearnedConstant",
    "MaxPoolingWithIndices",
    "Maxout",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "ModulatedConv2D",
    "Noise",
    "Pack",
    "PixelNormalization",
    "PixelShuffle",
    "ReferenceBatch",
    "ReflectionPadding2D",
    "Resample",
    "SelfAttention",
    "SmoothDownSampling2D",
    "SmoothUpSampling2D",
    "SpatialDropout2D",
    "SpectralNormalization",
    "StyleModulation",
    "TrackedMean",
    "Unpooling",
    "VirtualBatchNormalization",
    "WeightNormalization",
    "follow",
    "initialize_by_data",
    "instance_boundaries",
    "moments",
    "normalize",
    "reverse_gradient",
    "upfirdn",
    "warp",
    "wide",
]
