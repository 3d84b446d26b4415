"""Generative adversarial networks for Keras 3 and TensorFlow."""

from kerasgan import augment, callbacks, data, losses, metrics, penalties, text
from kerasgan.models import ACGAN, DCGAN, GAN, LSGAN, WGAN, WGANGP, AdversarialModel, ConditionalGAN
from kerasgan.models import GANCLS, StackGAN, StackGANStage1, StackGANStage2
from kerasgan.version import __version__
