"""Generative adversarial networks for Keras 3 and TensorFlow."""

from kerasgan import augment, callbacks, data, losses, metrics, penalties
from kerasgan.models import DCGAN, GAN, AdversarialModel
from kerasgan.version import __version__
