from kerasgan.models.base import AdversarialModel
from kerasgan.models.dcgan import DCGAN
from kerasgan.models.gan import GAN
