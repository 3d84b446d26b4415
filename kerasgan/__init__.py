"""Generative adversarial networks for Keras 3 and TensorFlow."""

import pathlib as _pathlib

from kerasgan import settings as _settings  # refuses another backend than TensorFlow before any other message

# In a clone, `zoo` is beside this folder. If Python is started there, it imports this folder, even if kerasgan is
# installed.
if not _pathlib.Path(__file__).with_name("zoo").is_dir():
    __path__.append(str(_pathlib.Path(__file__).parents[1]))

from kerasgan import (
    augment,
    callbacks,
    comparison,
    convolutions,
    corruptions,
    data,
    distribute,
    export,
    latent,
    layers,
    losses,
    metrics,
    networks,
    optimizers,
    penalties,
    playground,
    plots,
    regularizers,
    report,
    schedules,
    testing,
    text,
    zoo,
)
from kerasgan.models import (
    ACGAN,
    ADDA,
    DANN,
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
    Autoencoder,
    BigGAN,
    ConditionalGAN,
    CycleGAN,
    DomainTransferNetwork,
    Pix2Pix,
    Pix2PixHD,
    PixelDA,
    ProjectedGAN,
    ResumableModel,
    SemiSupervisedGAN,
    StackGAN,
    StackGANStage1,
    StackGANStage2,
    StyleGAN,
    StyleGAN2,
    TwoStreamGenerator,
    Vid2Vid,
)
from kerasgan.version import __version__
from kerasgan.zoo import load_preset
