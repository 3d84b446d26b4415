"""Generative adversarial networks for Keras 3 and TensorFlow."""

from kerasgan import (
    augment,
    callbacks,
    data,
    distribute,
    export,
    latent,
    losses,
    metrics,
    penalties,
    plots,
    schedules,
    text,
    zoo,
)
from kerasgan.models import (
    ACGAN,
    DCGAN,
    GAN,
    GANCLS,
    LSGAN,
    R3GAN,
    SAGAN,
    SNGAN,
    SRGAN,
    WGAN,
    WGANGP,
    AdversarialModel,
    ConditionalGAN,
    CycleGAN,
    DomainTransferNetwork,
    Pix2Pix,
    StackGAN,
    StackGANStage1,
    StackGANStage2,
)
from kerasgan.version import __version__
