"""Vid2Vid: videos from label maps, with frames that are partly warped from the previous frame."""

import keras
import tensorflow as tf

from kerasgan import losses
from kerasgan.arguments import positive_int, whole
from kerasgan.layers import warp
from kerasgan.models.base import AdversarialModel
from kerasgan.models.coarse_to_fine import BeginsFromHalfTheSize
from kerasgan.models.film_judges import JudgesFilms
from kerasgan.models.tasks import FromLabelFilms
from kerasgan.models.tasks.films import HISTORY, RATES, per_frame, triples
from kerasgan.networks import perceptual_loss, perceptual_network, video_generator
from kerasgan.reconstruction import mean_absolute

MATCHING = losses.FeatureMatching(per_image=True)


@keras.saving.register_keras_serializable("kerasgan")
class Vid2Vid(FromLabelFilms, JudgesFilms, BeginsFromHalfTheSize, AdversarialModel):
    """Video-to-video synthesis (Wang et al. 2018, https://arxiv.org/abs/1808.06601).

    G draws frame t from the label maps t - 2 to t and from its own frames t - 2 and t - 1 (equation 3):

        x_t = m h + (1 - m) warp(x_{t-1}, f)

    with an image h, backward flow f and a mask m. D_I judges x_t and h with their label map. One D_V judges three
    consecutive frames with the flow between them, another one every third frame. All are PatchGANs at several sizes. G
    minimises (equation 9) their least-squares losses, 10 times feature matching of each, 10 |f - f*| and 10
    |warp(y_{t-1}, f) - y_t| for the flow f* of the data and real frames y, and, as the authors' code, 10 |x_t -
    warp(x_{t-1}, f*)|, where f* explains y.

    `fit` takes (labels, frames, flow): int32 (batch, frames, height, width), float32 in [-1, 1] (..., channels) and
    float32 (..., 2), backward flow as in `kerasgan.layers.warp`; or (labels, frames) with `with_flow=False`, and then
    f* has no loss. A step draws the frames of a film in order up to a random frame, and trains on the `window` frames
    that follow. Back-propagation is truncated to one frame: a frame has no gradient to the frames before it.

    Large frames are learnt from coarse to fine, as in the paper. A model with `enhancers=1` has a second generator. It
    draws at twice the size from the features of the first one:

        model = kerasgan.Vid2Vid((512, 1024), enhancers=1)
        model.begin_from(coarse)  # a trained Vid2Vid((256, 512))
        model.compile()

    To train the new networks alone at first, set `model.generator.get_layer("coarse").trainable` to False.

    Pretrained: `kerasgan.zoo.load("vid2vid_glyphs")`.

    Args:
        image_size: int or (height, width) of the frames, multiples of 2^(downsamplings + enhancers). Defaults to
            (256, 512).
        channels: int. Of a frame. Defaults to 3.
        num_classes: int. Of the label maps. Defaults to 35, those of Cityscapes.
        with_flow: bool. Whether the data include flow. Defaults to True.
        foreground: list of ints, classes that a separate network draws without flow (equation 12). Defaults to none.
        width: int. Channels of the first layers of G; of D a half. Defaults to 128.
        blocks, downsamplings: int. See `kerasgan.networks.video_generator`. Default to 9 and 3.
        enhancers: int. Number of doublings of the size by finer generators. Defaults to 0.
        scales, receptive_field: int. Number of scales of each D, and its receptive field. Default to 2 and 70.
        seed: int. Seed of the positions in the films.

    Logs `d_loss`, the sum over all D, `g_loss`, `feature_loss` and `flow_loss` (all terms of f and f*), both without
    weights, and `d_real` and `d_fake` of D_I.

    Example:

    >>> model = kerasgan.Vid2Vid(32, num_classes=3, width=4, blocks=2, scales=1, receptive_field=16)
    >>> model.translate_video(np.zeros((1, 4, 32, 32), "int32"), np.zeros((1, 2, 32, 32, 3), "float32")).shape
    (1, 4, 32, 32, 3)
    """

    loss_names = ("d_loss", "g_loss", "feature_loss", "flow_loss")

    def __init__(
        self,
        image_size=(256, 512),
        channels=3,
        num_classes=35,
        with_flow=True,
        foreground=(),
        width=128,
        blocks=9,
        downsamplings=3,
        enhancers=0,
        scales=2,
        receptive_field=70,
        **kwargs,
    ):
        if any(whole(number, least=0) is None or number >= num_classes for number in foreground):
            raise ValueError(f"`foreground` must be classes from 0 to {num_classes - 1}. Received: {foreground!r}")

        shape = (width, blocks, downsamplings, bool(foreground), enhancers)
        generator = video_generator(image_size, channels, num_classes, *shape)
        judges = self.judges(image_size, channels, num_classes, with_flow, max(1, width // 2), scales, receptive_field)
        super().__init__(generator=generator, **judges, **kwargs)
        self.image_size, self.channels, self.num_classes = image_size, channels, num_classes
        self.with_flow, self.foreground, self.enhancers = with_flow, list(foreground), enhancers
        self.multiple = 2 ** (downsamplings + enhancers)

    def defaults(self):
        return super().defaults() | {"loss": "least_squares"}

    def compile(
        self,
        length=None,
        window=6,
        perceptual=None,
        feature_weight=10,
        flow_weight=10,
        perceptual_weight=10,
        adversarial_weight=2,
        **kwargs,
    ):
        """Configures training: `AdversarialModel.compile`, the length of films, and the weights of G's terms.

        Args:
            length: the maximum number of frames per step, including the first two: None for all (the default), an int,
                or a function of the step, such as `kerasgan.schedules.Doubling(6, steps=...)`, as in the paper. The
                minimum is `window` + 2.
            window: int of at least 5. Number of consecutive frames that a step trains on. Defaults to 6.
            perceptual: as in `Pix2PixHD.compile`. Defaults to None.
            feature_weight: float. Of feature matching. Defaults to 10, as in the authors' code, as the two next ones.
            flow_weight: float. Of the losses of flow and warping. 0 leaves both out.
            perceptual_weight: float.
            adversarial_weight: float. Defaults to 2, as `losses.LeastSquares` halves the generator's square.
            **kwargs: arguments of `AdversarialModel.compile`. `augment` applies to the frames for D_I.
        """
        self.weigh(feature_weight=feature_weight, flow_weight=flow_weight)
        self.weigh(perceptual_weight=perceptual_weight, adversarial_weight=adversarial_weight)
        if not (length is None or callable(length) or whole(length)):
            raise ValueError(f"`length` must be None, a positive int or a function of the step. Received: {length!r}")
        self.length, self.perceptual = length, perceptual
        self.window = positive_int("window", window, least=max(RATES) * 2 + 1 - HISTORY)
        self.shortest = self.window + HISTORY
        # Hidden from Keras's tracking, as in `SRGAN`.
        object.__setattr__(self, "_eyes", None if perceptual is None else perceptual_network(perceptual))
        super().compile(**kwargs)

    def train_step(self, data):
        """One step of all D, then one of G, on the same frames."""
        *earlier, last = self.fresh_batches(data)
        for batch in earlier:
            part = self.part(batch, self.generator, training=True)
            self.update_discriminators(part, self.draw(self.generator, part["labels"], part["own"]))
        part = self.part(last, self.generator, training=True)
        with tf.GradientTape() as g_tape:
            fake = self.draw(self.generator, part["labels"], part["own"])
            with g_tape.stop_recording():
                d_logs = self.update_discriminators(part, fake)
            g_logs = self.generator_losses(part, fake)  # by the updated D
            g_logs["g_loss"] += self.generator_penalties()
        self.descend(g_tape, g_logs["g_loss"], self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(**g_logs, **d_logs)

    def draw(self, generator, labels, previous, training=True):
        """Applies equation 3 to n frames, given n + 2 label maps and the n + 1 previous frames. Returns a dict of the
        outputs of G and `"frames"`, x_t. `"image"` is h, with the foreground (equation 12)."""
        known = tf.one_hot(labels, self.num_classes)
        pairs = per_frame(tf.concat([previous[:, :-1], previous[:, 1:]], axis=-1))
        made = generator([triples(known), pairs], training=training)
        image, mask = made["image"], made["mask"]
        frames = mask * image + (1 - mask) * warp(per_frame(previous[:, 1:]), made["flow"])
        if self.foreground:
            there = tf.reduce_sum(tf.gather(per_frame(known[:, HISTORY:]), self.foreground, axis=-1), -1, keepdims=True)
            frames, image = (there * made["foreground"] + (1 - there) * x for x in (frames, image))
        return made | {"frames": frames, "image": image}

    def generator_losses(self, part, fake, training=True):
        """Equation 9, and its terms."""
        of_real, of_fake = self.judge_both(part, fake, training)
        adversarial_loss = sum(len(f) * self.loss.generator_loss(f, r) for f, r in zip(of_fake, of_real))
        feature_loss = sum(4 * MATCHING.distance(f, r) for f, r in zip(of_fake, of_real))  # the sum over layers
        flow_loss = self.flow_losses(part, fake)
        g_loss = self.adversarial_weight * adversarial_loss + self.feature_weight * feature_loss
        g_loss += self.flow_weight * flow_loss
        if self._eyes is not None:
            g_loss += self.perceptual_weight * perceptual_loss(self._eyes, part["frames"], fake["frames"])
        return {"g_loss": g_loss, "feature_loss": feature_loss, "flow_loss": flow_loss}

    def flow_losses(self, part, fake):
        """Equation 11, and the difference between each frame and the previous one warped by f*, where f* explains y."""
        real, last = part["frames"], per_frame(part["film"][:, 1:-1])
        loss = mean_absolute(warp(last, fake["flow"]), real)
        if not self.with_flow:
            return loss
        flow = per_frame(part["flow"][:, HISTORY:])
        error = tf.reduce_sum(tf.square(warp(last, flow) - real), axis=-1, keepdims=True)
        sure = tf.cast(error < 0.02, tf.float32)  # the authors' bound
        loss += mean_absolute(sure * fake["flow"], sure * flow)
        return loss + mean_absolute(sure * fake["frames"], sure * warp(per_frame(part["own"][:, 1:]), flow))

    def test_step(self, data):
        """Losses without training on the first frames of a film, and the compiled metrics over (frames, drawn ones)."""
        part = self.part(data, self.sampler())
        fake = self.draw(self.sampler(), part["labels"], part["own"], training=False)
        self.compare(part["frames"], fake["frames"])
        d_logs = self.discriminator_losses(part, fake, False)
        return self.track(data[1], **self.generator_losses(part, fake, False), **d_logs)
