"""One line a model: what the contract's tests train. A new paper adds its line here and gets every check."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

import kerasgan
from kerasgan import testing
from kerasgan.layers import MinibatchDiscrimination, MinibatchStdDev, Pack


def images(count, size, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, channels)).astype("float32")


def slopes(count, size, channels, seed=0):
    """Images that differ as a whole: each a plane of its own level and slopes."""
    level, down, right = np.random.default_rng(seed).uniform(-0.8, 0.8, (3, count, 1, 1, channels))
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j][..., None]
    return np.clip(level + down * y + right * x, -1, 1).astype("float32")


def vectors(count, dim=5):
    return np.random.default_rng(count).normal(size=(count, dim)).astype("float32")


def with_large_kernels(model, factor=10):
    """Returns a model whose convolutions' kernels start larger.

    After kernels of N(0, 0.02) on few channels a normalisation divides by little. A change of 1e-7 in the weights then
    grows up to a hundredfold in a step (`CycleGAN`), or the first step leaps from weights of 0.02 to one of 7
    (`StackGANStage2`), and no two ways of rounding agree for long.
    """
    for variable in model.g_variables + model.d_variables:
        if len(variable.shape) == 4:
            variable.assign(factor * variable)
    return model


def two_stages():
    stage1 = kerasgan.StackGANStage1(image_size=16, channels=1, latent_dim=4, text_dim=5, width=2, condition_dim=3)
    for layer in stage1.generator.layers:  # so that sketches are not all but the same
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            layer.kernel.assign(20 * layer.kernel)
    stage2 = kerasgan.StackGANStage2(stage1, image_size=32, width=6, condition_dim=3, blocks=1, seed=3)
    paint = stage2.generator.get_layer("refiner").layers[-2].kernel
    before = np.array(paint)
    with_large_kernels(stage2, 200)
    paint.assign(10 * before)  # without a normalisation behind it: more would saturate the tanh
    return stage2


def composed():
    """A GAN whose discriminator is made of everything that can be put into one: packs at two scales, with features."""

    def judge(size):
        x = images = keras.Input((size, size, 1), name="images")
        x = keras.layers.LeakyReLU(0.2)(keras.layers.Conv2D(2, 3, 2, "same")(Pack(2)(x)))
        x = keras.layers.Flatten()(MinibatchStdDev(2)(x))
        x = MinibatchDiscrimination(3, 2)(x)
        return kerasgan.networks.with_features(keras.Model(images, keras.layers.Dense(1, dtype="float32")(x)))

    discriminator = kerasgan.networks.at_scales(judge, 8, scales=2)
    return kerasgan.GAN(image_size=8, latent_dim=4, discriminator=discriminator, seed=3)


def adda():
    """An ADDA whose source counts as trained."""
    x = inputs = keras.Input((20, 20, 1))
    x = keras.layers.Flatten()(keras.layers.LeakyReLU()(keras.layers.Conv2D(2, 5, 4)(x)))
    encoder = keras.Model(inputs, keras.layers.Dense(4)(kerasgan.layers.Dropout(0.5, seed=1)(x)), name="encoder")
    classifier = kerasgan.models.adda.lenet_classifier(4, 3)
    return kerasgan.ADDA(20, num_classes=3, encoder=encoder, classifier=classifier, seed=3)


def eye(channels):
    """A pretrained network of two feature maps, of 8 and 4 pixels for images of 16; always the same one."""
    start = [keras.initializers.GlorotUniform(seed=i) for i in range(2)]
    inputs = keras.Input((None, None, channels))
    large = keras.layers.Conv2D(3, 3, 2, "same", activation="tanh", kernel_initializer=start[0])(inputs)
    small = keras.layers.Conv2D(4, 3, 2, "same", activation="tanh", kernel_initializer=start[1])(large)
    return keras.Model(inputs, [large, small])


def label_maps(count):
    """Label maps of 3 classes with instances, and images: ((labels, instances), images)."""
    slope = slopes(count, 32, 1, seed=1)[..., 0]
    instances = np.digitize(slope, [-0.3, 0.3]).astype("int32")
    return (instances % 3, 1000 * instances), slopes(count, 32, 1)


def objects(count):
    """Views of objects on black: (classes, views, transforms), (images, masks)."""
    masks = (slopes(count, 16, 1, seed=1) > 0).astype("float32")
    known = np.arange(count, dtype="int32") % 3, vectors(count, 4), vectors(count, 2)
    return known, ((slopes(count, 16, 1) + 1) * masks - 1, masks)


def films(count, size=8, classes=3):
    """Films of 9 frames: (labels, frames, flow)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, (count, 9, size, size)).astype("int32")
    frames = slopes(9 * count, size, 1).reshape(count, 9, size, size, 1)
    return labels, frames, rng.normal(size=(*labels.shape, 2)).astype("float32")


def vid2vid():
    """A Vid2Vid whose flow is of a pixel or so, as of trained ones: at 40 pixels rounding errors move frames."""
    options = {"foreground": [2], "width": 4, "blocks": 2, "downsamplings": 1, "scales": 1, "receptive_field": 16}
    model = with_large_kernels(kerasgan.Vid2Vid(8, channels=1, num_classes=3, seed=3, **options))
    for layer in model.generator.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.filters == 2 and layer.kernel_size == (7, 7):
            layer.kernel.assign(layer.kernel / 400)
    return model


def begun(model):
    """The last frames of three films."""
    labels, frames, _ = films(3)
    return model.translate_video(labels, frames[:, :2])[:, -1]


@dataclass(kw_only=True)
class Case(testing.Case):
    """A small model of a paper and data for it.

    Attributes:
        default: () -> the model without arguments, at the paper's size.
        differs_by_device: why two devices with half a batch each do not train as one does, or "".
        no_float16: why `mixed_float16` does not train on CPUs, or "".
        evaluated: (count) -> arrays in the structure that `evaluate` takes, where that of `fit` is another.
    """

    default: Callable
    differs_by_device: str = ""
    no_float16: str = ""
    evaluated: Callable | None = None


def stylegan():
    model = kerasgan.StyleGAN(
        16, 1, num_classes=3, latent_dim=4, style_dim=4, mapping_layers=1, channel_base=64, seed=3
    )
    # An even picture has no variance, so that instance normalization would enlarge differences of rounding.
    picture = next(v for v in model.generator.weights if v.path.endswith("picture"))
    picture.assign(np.random.default_rng(0).normal(size=picture.shape))
    return model


def pixelda():
    generator = kerasgan.models.pixelda.pixelda_generator(8, 1, 3, blocks=1)
    discriminator = kerasgan.models.pixelda.pixelda_discriminator(8, 1, width=4)
    return kerasgan.PixelDA(8, 1, 3, 3, generator=generator, discriminator=discriminator, seed=3)


SMALL_HD = {"image_size": 32, "channels": 1, "width": 2, "blocks": 1, "enhancer_blocks": 1, "downsamplings": 2}
SMALL_HD |= {"scales": 2, "receptive_field": 16, "seed": 3}

CASES = {
    "GAN": Case(
        make=lambda: kerasgan.GAN(image_size=8, latent_dim=4, seed=3),
        arrays=lambda n: images(n, 8, 1),
        default=kerasgan.GAN,
    ),
    "DCGAN": Case(
        make=lambda: kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=3),
        arrays=lambda n: images(n, 16, 1),
        default=kerasgan.DCGAN,
    ),
    "DCGAN with options": Case(
        make=lambda: kerasgan.DCGAN(image_size=16, channels=3, latent_dim=4, width=2, prior="uniform", seed=3),
        arrays=lambda n: (images(n, 16, 3), np.arange(n, dtype="int32")),
        default=kerasgan.DCGAN,
        compile={
            "loss": "least_squares",
            "penalty": [kerasgan.penalties.GradientPenalty(weight=0.1)],
            "augment": ["diffaugment"],
            "d_steps": 2,
            "ema_decay": 0.9,
        },
    ),
    "GAN to thresholds": Case(
        make=lambda: kerasgan.GAN(image_size=8, latent_dim=4, seed=3),
        arrays=lambda n: images(n, 8, 1),
        default=kerasgan.GAN,
        compile={"d_steps": kerasgan.schedules.LossThreshold(1.3, 0.3, at_most=2), "ema_decay": 0.9},
    ),
    "GAN with a composed discriminator": Case(
        make=composed,
        arrays=lambda n: images(n, 8, 1),
        default=composed,
        compile={
            "loss": kerasgan.losses.FeatureMatching(
                kerasgan.losses.LabelFlipping(flip_probability=0.3), adversarial_weight=1.0
            ),
            "penalty": "r1",
            # A config, of which each model makes a layer of its own: p is a state.
            "augment": keras.saving.serialize_keras_object(
                kerasgan.augment.AdaptiveAugment("translation,cutout", target=-0.9, ramp=64, interval=2)
            ),
        },
    ),
    "GAN with regularisers": Case(
        make=lambda: kerasgan.GAN(image_size=8, latent_dim=4, seed=3),
        arrays=lambda n: images(n, 8, 1),
        default=kerasgan.GAN,
        compile={
            # Configs, of which each model makes objects of its own: they have states.
            "penalty": [
                keras.saving.serialize_keras_object(penalty)
                for penalty in (
                    kerasgan.penalties.Consistency(0.1, 0.1, every=2),
                    kerasgan.penalties.LatentConsistency(0.1, 0.1),
                    kerasgan.penalties.LeCam(start=2),
                    kerasgan.penalties.HistoricalAveraging(0.1),
                )
            ],
            "augment": [
                keras.saving.serialize_keras_object(layer)
                for layer in (
                    kerasgan.augment.PseudoAugment(target=-0.9, ramp=64, interval=2),
                    kerasgan.augment.ImagePool(size=6),
                )
            ],
        },
    ),
    "ConditionalGAN": Case(
        make=lambda: kerasgan.ConditionalGAN(image_size=8, latent_dim=4, num_classes=3, seed=3),
        arrays=lambda n: (images(n, 8, 1), np.arange(n, dtype="int32") % 3),
        default=kerasgan.ConditionalGAN,
    ),
    "ConditionalGAN of several conditions": Case(
        make=lambda: kerasgan.ConditionalGAN(
            image_size=16,
            latent_dim=4,
            num_classes={"letter": 3, "color": 2},
            attributes={"slant": 1},
            networks="conv",
            width=2,
            seed=3,
        ),
        arrays=lambda n: (
            images(n, 16, 1),
            {
                "color": np.arange(n, dtype="int32") % 2,
                "letter": np.arange(n, dtype="int32") % 3,
                "slant": np.linspace(-1, 1, n, dtype="float32"),
            },
        ),
        default=lambda: kerasgan.ConditionalGAN(networks="conv"),
        compile={"ema_decay": 0.9},
    ),
    "ACGAN": Case(
        make=lambda: kerasgan.ACGAN(image_size=16, channels=1, latent_dim=4, num_classes=3, width=6, seed=3),
        arrays=lambda n: (images(n, 16, 1), np.arange(n, dtype="int32") % 3),
        default=kerasgan.ACGAN,
    ),
    "LSGAN": Case(
        make=lambda: kerasgan.LSGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=3),
        arrays=lambda n: images(n, 16, 1),
        default=kerasgan.LSGAN,
    ),
    "WGAN": Case(
        make=lambda: kerasgan.WGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=3),
        arrays=lambda n: images(n, 16, 1),
        default=kerasgan.WGAN,
        compile={"d_steps": 2},
    ),
    "WGANGP": Case(
        make=lambda: kerasgan.WGANGP(image_size=16, channels=1, latent_dim=4, width=2, seed=3),
        arrays=lambda n: images(n, 16, 1),
        default=kerasgan.WGANGP,
        compile={"d_steps": 2},
    ),
    "R3GAN": Case(
        make=lambda: kerasgan.R3GAN(
            image_size=16, channels=1, latent_dim=4, width=4, blocks=1, wide_until=4, group_width=4, seed=3
        ),
        arrays=lambda n: images(n, 16, 1),
        compile={"schedule": kerasgan.schedules.R3GANSchedule(burn_in=4, augment_p=0.5)},
        default=lambda: kerasgan.R3GAN(width=64),  # of the paper's 768 channels a weight file has 300 MB
        no_float16="TensorFlow has no float16 gradients of grouped convolutions on CPUs",
    ),
    "R3GAN with labels": Case(
        make=lambda: kerasgan.R3GAN(
            image_size=16,
            channels=1,
            num_classes=3,
            latent_dim=4,
            width=4,
            blocks=1,
            wide_until=4,
            group_width=4,
            seed=3,
        ),
        arrays=lambda n: (images(n, 16, 1), np.arange(n, dtype="int32") % 3),
        default=lambda: kerasgan.R3GAN(width=64, num_classes=10),
        no_float16="TensorFlow has no float16 gradients of grouped convolutions on CPUs",
    ),
    "SNGAN": Case(
        make=lambda: kerasgan.SNGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=3),
        arrays=lambda n: images(n, 16, 1),
        default=kerasgan.SNGAN,
        # While all logits are within the hinge's margins, its gradient by D's last bias is exactly 0.
        compile={"loss": "non_saturating", "d_steps": 2, "ema_decay": 0.9},
    ),
    "SAGAN": Case(
        make=lambda: kerasgan.SAGAN(image_size=16, channels=1, latent_dim=4, num_classes=3, width=2, seed=3),
        arrays=lambda n: (images(n, 16, 1), np.arange(n, dtype="int32") % 3),
        default=lambda: kerasgan.SAGAN(width=8),  # the paper's width has 70 million weights
        # As of SNGAN: a logit within the hinge's margins leaves D's last bias where it is.
        compile={"loss": "non_saturating"},
    ),
    "BigGAN": Case(
        make=lambda: kerasgan.BigGAN(
            image_size=16, channels=1, num_classes=3, latent_dim=6, width=2, shared_dim=3, seed=3
        ),
        arrays=lambda n: (images(n, 16, 1), np.arange(n, dtype="int32") % 3),
        default=lambda: kerasgan.BigGAN(width=4),  # the paper's width has 158 million weights
        # As of SNGAN, the hinge's gradient by D's last bias is exactly 0 at first.
        compile={"loss": "non_saturating", "penalty": "orthogonal", "d_steps": 1, "ema_decay": 0.9},
    ),
    "StyleGAN": Case(
        make=stylegan,
        arrays=lambda n: (images(n, 16, 1), np.arange(n, dtype="int32") % 3),
        default=lambda: kerasgan.StyleGAN(image_size=32, channel_base=512),  # at 1,024 pixels there are 49 million
        compile={"penalty": kerasgan.penalties.R1(0.1)},
    ),
    "StyleGAN2": Case(
        make=lambda: kerasgan.StyleGAN2(
            image_size=16, channels=1, latent_dim=4, style_dim=4, mapping_layers=1, channel_base=64, seed=3
        ),
        arrays=lambda n: images(n, 16, 1),
        default=lambda: kerasgan.StyleGAN2(image_size=32, channel_base=512),  # at 1,024 pixels there are 59 million
        compile={
            "penalty": [
                kerasgan.penalties.R1(0.1, every=4),
                keras.saving.serialize_keras_object(kerasgan.penalties.PathLength(0.1, every=2)),
            ],
            "ema_decay": kerasgan.schedules.HalfLife(64, batch_size=8, ramp=0.5),
        },
    ),
    "StyleGAN2 with the pipe of ADA": Case(
        make=lambda: kerasgan.StyleGAN2(
            image_size=16,
            channels=1,
            num_classes=3,
            latent_dim=4,
            style_dim=4,
            mapping_layers=1,
            channel_base=64,
            residual=False,
            seed=3,
        ),
        arrays=lambda n: (images(n, 16, 1), np.arange(n, dtype="int32") % 3),
        default=lambda: kerasgan.StyleGAN2(image_size=32, channel_base=512),
        compile={
            "penalty": kerasgan.penalties.R1(0.1, every=2),
            "style_mixing": 0,
            "augment": keras.saving.serialize_keras_object(
                kerasgan.augment.AugmentPipe(target=-0.9, ramp=64, interval=2)
            ),
        },
    ),
    "ProjectedGAN": Case(
        make=lambda: kerasgan.ProjectedGAN(
            image_size=16, channels=1, latent_dim=4, width=2, features=eye(1), projection_width=2, seed=3
        ),
        arrays=lambda n: images(n, 16, 1),
        default=lambda: kerasgan.ProjectedGAN(image_size=32, width=2, features=eye(3)),  # 110 million at the paper's
        compile={"ema_decay": kerasgan.schedules.HalfLife(64, batch_size=8, ramp=0.5)},
    ),
    "Pix2Pix": Case(
        make=lambda: kerasgan.Pix2Pix(image_size=16, channels=1, width=2, receptive_field=16, seed=3),
        arrays=lambda n: (images(n, 16, 1, seed=0), images(n, 16, 1, seed=1)),
        default=kerasgan.Pix2Pix,
        compile={"l1_weight": 1.0},  # at 100 the plain descent of some checks would leap, and rounding errors with it
        sample=lambda model, seed: model.translate(images(3, 16, 1), seed=seed),
    ),
    "Pix2PixHD": Case(
        make=lambda: with_large_kernels(kerasgan.Pix2PixHD(num_classes=3, **SMALL_HD)),
        arrays=label_maps,
        default=lambda: kerasgan.Pix2PixHD(width=2),  # the paper's width has 190 million weights
        compile={"feature_weight": 1, "perceptual_weight": 1, "perceptual": eye(1)},  # of 10, plain descent would leap
        sample=lambda model, seed: model.translate(*label_maps(3)[0]),
        deterministic=True,
    ),
    "Pix2PixHD with styles": Case(
        make=lambda: with_large_kernels(kerasgan.Pix2PixHD(num_classes=3, style_dim=2, num_styles=4, **SMALL_HD)),
        arrays=label_maps,
        default=lambda: kerasgan.Pix2PixHD(width=4, style_dim=3),
        compile={"feature_weight": 1, "perceptual_weight": 1, "perceptual": eye(1), "ema_decay": 0.9},
        sample=lambda model, seed: model.translate(*label_maps(3)[0], style=label_maps(3)[1]),
        deterministic=True,
    ),
    "GANCLS": Case(
        make=lambda: kerasgan.GANCLS(
            image_size=16, channels=1, latent_dim=4, text_dim=5, width=2, projection_dim=3, seed=3
        ),
        arrays=lambda n: (images(n, 16, 1), vectors(n)),
        default=kerasgan.GANCLS,
        sample=lambda model, seed: model.generate(vectors(3), seed=seed),
    ),
    "GANCLS with options": Case(
        make=lambda: kerasgan.GANCLS(
            image_size=16,
            channels=1,
            latent_dim=4,
            text_dim=5,
            width=2,
            matching="projection",
            interpolation=0.5,
            seed=3,
        ),
        arrays=lambda n: (images(n, 16, 1), vectors(n), np.arange(n, dtype="int32") % 3),
        default=kerasgan.GANCLS,
        compile={"loss": "least_squares", "d_steps": 2, "ema_decay": 0.9},
        sample=lambda model, seed: model.generate(vectors(3), seed=seed),
    ),
    "StackGANStage1": Case(
        make=lambda: kerasgan.StackGANStage1(
            image_size=16, channels=1, latent_dim=4, text_dim=5, width=2, condition_dim=3, seed=3
        ),
        arrays=lambda n: (images(n, 16, 1), vectors(n)),
        default=kerasgan.StackGANStage1,
        sample=lambda model, seed: model.generate(vectors(3), seed=seed),
    ),
    "StackGANStage2": Case(
        make=two_stages,
        arrays=lambda n: (images(n, 32, 1), vectors(n)),
        default=kerasgan.StackGANStage2,
        compile={"ema_decay": 0.9},
        sample=lambda model, seed: model.generate(vectors(3), seed=seed),
    ),
    "CycleGAN": Case(
        make=lambda: with_large_kernels(
            kerasgan.CycleGAN(image_size=16, channels=1, width=2, blocks=1, receptive_field=16, pool_size=10, seed=3)
        ),
        arrays=lambda n: (images(n, 16, 1, seed=0), images(n, 16, 1, seed=1)),
        default=kerasgan.CycleGAN,
        compile={"cycle_weight": 1},  # with 10, plain descent amplifies rounding
        sample=lambda model, seed: model.translate(images(3, 16, 1)),
        deterministic=True,
    ),
    "SRGAN": Case(
        make=lambda: kerasgan.SRGAN(image_size=16, channels=1, width=2, blocks=1, seed=3),
        arrays=lambda n: (images(n, 4, 1, seed=0), images(n, 16, 1, seed=1)),
        default=kerasgan.SRGAN,
        sample=lambda model, seed: model.upscale(images(3, 4, 1)),
        deterministic=True,
    ),
    "DomainTransferNetwork": Case(
        make=lambda: kerasgan.DomainTransferNetwork(image_size=16, width=4, seed=3),
        # Of noise, features say the same for each image; batch norm then divides rounding errors by almost nothing.
        arrays=lambda n: (slopes(n, 16, 1, seed=0), slopes(n, 16, 1, seed=1)),
        default=kerasgan.DomainTransferNetwork,
        compile={"const_weight": 1.0, "tid_weight": 1.0},  # at 15 plain descent would leap
        sample=lambda model, seed: model.translate(images(3, 16, 1)),
        deterministic=True,
    ),
    "Autoencoder": Case(
        make=lambda: kerasgan.Autoencoder(image_size=8, code=4, networks="conv", width=2, seed=3),
        arrays=lambda n: images(n, 8, 1),
        default=kerasgan.Autoencoder,
        compile={"corruption": "masking", "regularizer": "keeps_distances", "ema_decay": 0.9},
        sample=lambda model, seed: model.reconstruct(images(3, 8, 1)),
        deterministic=True,
        # The distances are those between the images of one device.
        differs_by_device="a regulariser of pairs sees those of its own device",
        game=False,
        optimizers=("optimizer",),
    ),
    "Autoencoder with remembered places": Case(
        make=lambda: kerasgan.Autoencoder(image_size=8, code=4, networks="pooling", width=2, seed=3),
        arrays=lambda n: slopes(n, 8, 1),  # of noise, maxima would be so near to each other that rounding moves them
        default=lambda: kerasgan.Autoencoder(networks="pooling"),
        compile={"ema_decay": 0.9},
        sample=lambda model, seed: model.reconstruct(images(3, 8, 1)),
        deterministic=True,
        game=False,
        optimizers=("optimizer",),
    ),
    "DANN": Case(
        make=lambda: kerasgan.DANN(image_size=8, channels=1, num_classes=3, seed=3),
        arrays=lambda n: ((images(n, 8, 1), np.arange(n, dtype="int32") % 3), images(n, 8, 1, seed=1)),
        default=kerasgan.DANN,
        sample=lambda model, seed: model.preview((None, images(3, 8, 1)), num_images=3)[:, 0],
        deterministic=True,
        game=False,
        optimizers=("optimizer",),
        evaluated=lambda n: (images(n, 8, 1), np.arange(n, dtype="int32") % 3),
    ),
    "PixelDA": Case(
        make=pixelda,
        arrays=lambda n: ((images(n, 8, 1), np.arange(n, dtype="int32") % 3), images(n, 8, 1, seed=1)),
        default=kerasgan.PixelDA,
        sample=lambda model, seed: model.translate(images(3, 8, 1), seed=seed),
        evaluated=lambda n: (images(n, 8, 1), np.arange(n, dtype="int32") % 3),
    ),
    "SemiSupervisedGAN": Case(
        make=lambda: kerasgan.SemiSupervisedGAN(image_size=8, num_classes=3, latent_dim=4, seed=3),
        arrays=lambda n: ((images(n, 8, 1), np.arange(n, dtype="int32") % 3), images(n, 8, 1, seed=1)),
        default=kerasgan.SemiSupervisedGAN,
        evaluated=lambda n: (images(n, 8, 1), np.arange(n, dtype="int32") % 3),
    ),
    "ADDA on the source": Case(
        make=adda,
        arrays=lambda n: ((images(n, 20, 1), np.arange(n, dtype="int32") % 3), images(n, 20, 1, seed=1)),
        default=kerasgan.ADDA,
        compile={"phase": "source"},
        sample=lambda model, seed: model.preview((None, images(3, 20, 1)), num_images=3)[:, 0],
        deterministic=True,
        game=False,
        optimizers=("optimizer",),
        evaluated=lambda n: (images(n, 20, 1), np.arange(n, dtype="int32") % 3),
    ),
    "ADDA": Case(
        make=adda,
        arrays=lambda n: ((images(n, 20, 1), np.arange(n, dtype="int32") % 3), images(n, 20, 1, seed=1)),
        default=kerasgan.ADDA,
        sample=lambda model, seed: model.preview((None, images(3, 20, 1)), num_images=3)[:, 0],
        deterministic=True,
        game=False,
        optimizers=("optimizer", "d_optimizer"),
        evaluated=lambda n: (images(n, 20, 1), np.arange(n, dtype="int32") % 3),
    ),
    "Vid2Vid": Case(
        make=vid2vid,
        arrays=films,
        default=lambda: kerasgan.Vid2Vid(width=4),  # the authors' width has 365 million weights
        compile={
            "length": kerasgan.schedules.Doubling(8, steps=2),
            # At larger weights plain descent leaps: a change of 1e-7 in the weights grows beyond the tolerance.
            "adversarial_weight": 0.05,
            "feature_weight": 0.02,
            "flow_weight": 0.02,
        },
        sample=lambda model, seed: begun(model),
        deterministic=True,
    ),
    "TwoStreamGenerator": Case(
        make=lambda: kerasgan.TwoStreamGenerator(
            image_size=16, channels=1, num_classes=3, transform_dim=2, width=6, units=4, seed=3
        ),
        arrays=objects,
        default=lambda: kerasgan.TwoStreamGenerator(width=16, units=16),  # the paper's has 23 million weights
        compile={"ema_decay": 0.9},
        sample=lambda model, seed: model.generate([0, 1, 2], vectors(3, 4)),
        deterministic=True,
        game=False,
        optimizers=("optimizer",),
    ),
}
