from kerasgan.models.acgan import ACGAN
from kerasgan.models.adda import ADDA
from kerasgan.models.autoencoder import Autoencoder
from kerasgan.models.base import AdversarialModel
from kerasgan.models.biggan import BigGAN
from kerasgan.models.cgan import ConditionalGAN
from kerasgan.models.cyclegan import CycleGAN
from kerasgan.models.dann import DANN
from kerasgan.models.dcgan import DCGAN
from kerasgan.models.dtn import DomainTransferNetwork
from kerasgan.models.gan import GAN
from kerasgan.models.gan_cls import GANCLS
from kerasgan.models.lsgan import LSGAN
from kerasgan.models.pix2pix import Pix2Pix
from kerasgan.models.pixelda import PixelDA
from kerasgan.models.projected_gan import ProjectedGAN
from kerasgan.models.r3gan import R3GAN
from kerasgan.models.resumable import ResumableModel
from kerasgan.models.sagan import SAGAN
from kerasgan.models.semi_supervised import SemiSupervisedGAN
from kerasgan.models.sngan import SNGAN
from kerasgan.models.srgan import SRGAN
from kerasgan.models.stackgan import StackGANStage1, StackGANStage2
from kerasgan.models.stackgan_both import StackGAN
from kerasgan.models.stylegan import StyleGAN
from kerasgan.models.stylegan2 import StyleGAN2
from kerasgan.models.two_stream import TwoStreamGenerator
from kerasgan.models.wgan import WGAN, WGANGP
