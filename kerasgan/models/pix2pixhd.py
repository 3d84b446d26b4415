"""Pix2PixHD: large photos from label maps, with an enhancer at twice the size, and discriminators at several scales."""

import keras
import tensorflow as tf

from kerasgan import losses, networks
from kerasgan.models.base import AdversarialModel
from kerasgan.models.coarse_to_fine import TrainsCoarseToFine
from kerasgan.models.film_judges import as_list
from kerasgan.models.tasks import FromLabelMaps
from kerasgan.shapes import as_size

MATCHING = losses.FeatureMatching(per_image=True)


@keras.saving.register_keras_serializable("kerasgan")
class Pix2PixHD(FromLabelMaps, TrainsCoarseToFine, AdversarialModel):
    """High-resolution images from label maps (Wang et al. 2018, https://arxiv.org/abs/1711.11585).

    The global generator G1 draws at half the size. The local enhancer G2 adds G1's last features to its own and draws
    at full size (section 3.2). PatchGANs judge images at full, half and quarter size. G minimises the sum of their
    least-squares losses + 10 times the feature matching loss (equations 3 to 5) + 10 times a perceptual loss if
    `compile` gets a network. In addition to classes, the networks get the boundaries of instances (section 3.3). `fit`
    takes ((labels, instances), images), or (labels, images) with `instances=False`.

    Training has three phases, each with `compile` and `fit`:

        model.compile(phase="global")  # G1, judged at half the size and a quarter
        model.fit(dataset, epochs=...)
        model.compile(phase="enhancer")  # G2, with G1 fixed
        model.fit(dataset, epochs=...)
        model.compile()  # both
        model.fit(dataset, epochs=...)

    G1, G2 and a D have 182,546,755, 319,715 and 2,801,601 parameters by default, as in the authors' code. With
    `style_dim` an encoder E is trained with G and encodes the differences between instances of a class (section 3.4).
    The means of its features over each instance are inputs of G. `find_styles` then clusters them.

    A recipe of the zoo trains it:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pixhd_camvid.recipe runs

    Args:
        image_size: int or (height, width) of the images in training, multiples of 2^(downsamplings + 1), without the
            enhancer of 2^downsamplings. `translate` takes any size. Defaults to (1024, 2048), as in the paper.
        channels: int. Of the images. Defaults to 3.
        num_classes: int. Of the label maps. Defaults to 35, those of Cityscapes.
        instances: bool. Whether there are instance maps. Defaults to True.
        enhancer: bool. If False, G1 draws at full size, in one phase. Defaults to True.
        style_dim: int. Channels of the features of instances. Defaults to 0, none; the paper's is 3.
        num_styles: int. Number of styles per class. Defaults to 10, as in the paper.
        width: int. Channels of the first layer of G1 and of D; of G2 a half, of E a quarter. Defaults to 64.
        blocks, enhancer_blocks: int. Residual blocks of G1 and of G2. Default to 9 and 3.
        downsamplings: int. Number of halvings in G1. Defaults to 4.
        scales: int. Number of discriminators. Defaults to 3.
        receptive_field: int. Of each discriminator; see `Pix2Pix`. Defaults to 70.
        seed: int. Seed of losses and augmentations that draw.

    Logs `d_loss`, `g_loss`, `feature_loss` and `perceptual_loss` (without their weights), `d_real` and `d_fake`.

    Example:

    >>> small = {"width": 4, "blocks": 1, "downsamplings": 2, "scales": 2, "receptive_field": 16}
    >>> model = kerasgan.Pix2PixHD((32, 64), num_classes=4, instances=False, **small)
    >>> model.translate(np.zeros((2, 32, 64), "int32")).shape
    (2, 32, 64, 3)
    """

    loss_names = ("d_loss", "g_loss", "feature_loss", "perceptual_loss")

    def __init__(
        self,
        image_size=(1024, 2048),
        channels=3,
        num_classes=35,
        instances=True,
        enhancer=True,
        style_dim=0,
        num_styles=10,
        width=64,
        blocks=9,
        enhancer_blocks=3,
        downsamplings=4,
        scales=3,
        receptive_field=70,
        **kwargs,
    ):
        known = num_classes + bool(instances)
        small = tuple(side // 2 for side in as_size(image_size)) if enhancer else image_size
        g1 = networks.global_generator(small, channels, known + style_dim, width, blocks, downsamplings)
        g2 = networks.local_enhancer(channels, known + style_dim, width, enhancer_blocks) if enhancer else None

        def judge(size):
            return networks.matched_discriminator(size, channels, known, width, receptive_field, "instance")

        super().__init__(
            generator=networks.enhanced_generator(g1, g2),
            discriminator=networks.at_scales(judge, image_size, scales),
            **self.style_networks(
                image_size, channels, num_classes, instances, style_dim, num_styles, max(1, width // 4), downsamplings
            ),
            **kwargs,
        )
        self.image_size, self.channels, self.num_classes, self.instances = image_size, channels, num_classes, instances
        self.style_dim, self.num_styles, self.multiple = style_dim, num_styles, 2 ** (downsamplings + bool(enhancer))
        if style_dim:
            self.g_networks, self.fixed_networks = ("generator", "encoder"), ("styles",)
        self.begin_phases(enhancer, scales)

    def defaults(self):
        return super().defaults() | {"loss": "least_squares"}

    def compile(
        self, phase="both", perceptual=None, feature_weight=10, perceptual_weight=10, adversarial_weight=2, **kwargs
    ):
        """Configures a training phase and the weights of the generators' losses.

        Args:
            phase: the part that is trained, `"global"`, `"enhancer"` or `"both"`. Defaults to `"both"`.
            perceptual: the network of the perceptual loss. None (the default) needs no download. `"vgg19_11_to_51"`,
                as in the authors' code, or another name of `networks.vgg_features` is downloaded once by Keras. A
                `keras.Model`, images in [-1, 1] -> features or a list of at most five, is saved with this model.
            feature_weight: float. Of the feature matching loss. Defaults to 10, the paper's lambda.
            perceptual_weight: float. Defaults to 10, as in the authors' code.
            adversarial_weight: float. Of the sum over the discriminators. Defaults to 2, because `losses.LeastSquares`
                halves the generator's square, and the paper does not.
            **kwargs: arguments of `AdversarialModel.compile`.
        """
        self.weigh(feature_weight=feature_weight, perceptual_weight=perceptual_weight)
        self.weigh(adversarial_weight=adversarial_weight)
        self.perceptual = perceptual
        # Keras must not track it, as in `SRGAN`.
        object.__setattr__(self, "_eyes", None if perceptual is None else networks.perceptual_network(perceptual))
        self.begin_phase(phase)
        super().compile(**kwargs)

    def log_names(self):
        """Without a network, there is no perceptual loss."""
        names = super().log_names()
        return names if getattr(self, "perceptual", True) else tuple(n for n in names if n != "perceptual_loss")

    def train_step(self, data):
        """One step of all D, then one of the generators that the phase trains, on the same images."""
        *earlier, (source, images) = self.fresh_batches(data)
        for s, x in earlier:
            self.update_discriminator(*self.at_phase(self.known(s), x), self.draw(self.generator, self.inputs_of(s, x)))

        known, real = self.at_phase(self.known(source), images)
        with tf.GradientTape() as g_tape:
            fake = self.draw(self.generator, self.inputs_of(source, images, training=True), training=True)
            with g_tape.stop_recording():
                d_logs = self.update_discriminator(known, real, fake)
            g_logs = self.generator_losses(known, real, fake)  # by the updated D
            g_logs["g_loss"] += self.generator_penalties()
        self.descend(g_tape, g_logs["g_loss"], self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(**g_logs, **d_logs)

    def generator_losses(self, known, real, fake, training=True):
        """Equation 5, and its terms."""
        of_real, of_fake = self.judge(real, known, training), self.judge(fake, known, training)
        adversarial_loss = len(of_fake) * self.loss.generator_loss(of_fake, of_real)  # equation 3: the sum over D
        feature_loss = 4 * MATCHING.distance(of_fake, of_real)  # equation 4: the sum over the four layers of a D
        g_loss = self.adversarial_weight * adversarial_loss + self.feature_weight * feature_loss
        logs = {"feature_loss": feature_loss}
        if self._eyes is not None:
            logs["perceptual_loss"] = networks.perceptual_loss(self._eyes, real, fake)
            g_loss += self.perceptual_weight * logs["perceptual_loss"]
        return {"g_loss": g_loss} | logs

    def discriminator_losses(self, known, real, fake, training=True):
        """Returns equation 2 for each D, their sum, and further logs."""
        of_real, of_fake = self.judge(real, known, training), self.judge(fake, known, training)
        d_loss = len(of_real) * self.loss.discriminator_loss(of_real, of_fake)
        adapted = self.adapt(real, of_real, of_fake) if training else {}
        return {"d_loss": d_loss} | self.probabilities(of_real, of_fake) | adapted

    def update_discriminator(self, known, real, fake):
        """Makes one step of all D and returns the logs."""
        with tf.GradientTape() as d_tape:
            d_logs = self.discriminator_losses(known, real, fake)
            d_logs["d_loss"] += self.penalties(lambda images: self.judge(images, known), real, fake)
        self.descend(d_tape, d_logs["d_loss"], self.d_variables, self.d_optimizer)
        return d_logs

    def judge(self, images, known, training=True):
        """Returns the outputs of all D for `images` and their label maps. Augmentations change only the images."""
        return as_list(self.judges()([self.augmented(images, training), known], training=training))

    def test_step(self, data):
        """Computes the losses without training, and the compiled metrics over (images, paintings)."""
        known, real = self.at_phase(self.known(data[0]), data[1])
        fake = self.draw(self.sampler(), self.inputs_of(*data))
        self.compare(real, fake)
        logs = [
            losses(known, real, fake, training=False) for losses in (self.generator_losses, self.discriminator_losses)
        ]
        return self.track(real, **logs[0], **logs[1])
