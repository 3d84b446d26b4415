"""Networks that several models use, and discriminators built from other networks."""

from kerasgan.networks.composed import at_regions, at_scales, at_smaller_scales, with_features
from kerasgan.networks.fastgan import fastgan_generator
from kerasgan.networks.parts import batch_norm, class_projection, instance_norm, normal, pyramid
from kerasgan.networks.patches import matched_discriminator, patch_discriminator
from kerasgan.networks.projections import frozen_features, projected_discriminator, random_projections
from kerasgan.networks.receptive import ReceptiveField, receptive_fields
from kerasgan.networks.residual import enhanced_generator, global_generator, local_enhancer, residual_generator
from kerasgan.networks.stages import stage1_generator, stage2_generator, stage2_refiner
from kerasgan.networks.style import (
    add_picture,
    layer_styles,
    mapping_network,
    mix,
    style_generator,
    style_stages,
)
from kerasgan.networks.text import matching_discriminator, projection_discriminator
from kerasgan.networks.transfer import dtn_discriminator, dtn_features, dtn_generator
from kerasgan.networks.unet import unet_generator
from kerasgan.networks.vgg import perceptual_loss, perceptual_network, vgg_features
from kerasgan.networks.video import video_features, video_generator
