"""Adversarial discriminative domain adaptation: a target encoder that a critic cannot tell from the source encoder."""

import keras
import tensorflow as tf
from keras import Input, Model, layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import Dropout, SpatialDropout2D
from kerasgan.models.resumable import ResumableModel
from kerasgan.models.tasks import AdaptsDomains, class_loss
from kerasgan.networks.digits import head
from kerasgan.optimizers import Adam
from kerasgan.shapes import as_size

PHASES = ("source", "adaptation")


def lenet_encoder(image_size, channels):
    """The LeNet of the authors' experiments on digits, without its last layer.

    Returns:
        A `keras.Model`, images -> features (batch, 500).
    """
    x = images = Input((*as_size(image_size), channels), name="images")
    x = layers.ReLU()(layers.MaxPooling2D(2)(Conv2D(20, 5)(x)))
    x = layers.ReLU()(layers.MaxPooling2D(2)(SpatialDropout2D(0.5)(Conv2D(50, 5)(x))))
    return Model(images, layers.Dense(500)(layers.Flatten()(x)), name="encoder")


def lenet_classifier(features, num_classes):
    """The last layer of LeNet: a rectifier, dropout, a dense layer.

    Returns:
        A `keras.Model`, features -> (batch, num_classes) logits.
    """
    inputs = Input((features,), name="features")
    x = Dropout(0.5)(layers.ReLU()(inputs))
    return Model(inputs, layers.Dense(num_classes, dtype="float32")(x), name="classifier")


@keras.saving.register_keras_serializable("kerasgan")
class ADDA(AdaptsDomains, ResumableModel):
    """Adversarial discriminative domain adaptation (Tzeng et al. 2017, https://arxiv.org/abs/1702.05464).

    Training has two phases (figure 3), which are two times `compile` and `fit`:

        model.compile(phase="source")
        model.fit(dataset, epochs=...)
        model.compile()
        model.fit(dataset, epochs=...)

    In the first phase, an encoder and a classifier learn the labels of the source (equation 8). The target encoder is a
    copy of this encoder. In the second phase, source encoder and classifier are fixed. A discriminator learns to tell
    source features from target features, and the target encoder learns to make features like those of the source. Both
    minimise a cross-entropy, the encoder with inverted labels (equation 9). Predictions use the target encoder and the
    classifier.

    `fit` takes `((source_images, source_labels), target_images)`, all with the same number of rows. `predict(images)`
    returns class probabilities. `evaluate((images, labels))` returns the accuracy on labelled target images.

    Networks and rates are those of the authors' code for digits: `compile()` trains with Adam(2e-4, beta_1=0.5),
    `compile(phase="source")` with Adam(1e-3).

    Args:
        image_size: int or (height, width). Size of the images of both domains. Defaults to 28.
        channels: int. Of both domains. Defaults to 1.
        num_classes: int. Defaults to 10.
        encoder: `keras.Model`, images -> features (batch, n), for the source. The target encoder starts as its copy. An
            encoder passed here is assumed to be trained. Defaults to the authors' LeNet.
        classifier: `keras.Model`, features -> (batch, num_classes) logits. Defaults to LeNet's last layer.
        discriminator: `keras.Model`, features -> (batch, 2) logits of source and target. Defaults to two layers of 500.
        seed: int. Seed of random layers.

    Logs `loss`, the loss of the trained encoder. The first phase also logs `source_accuracy`, the second
    `d_loss` and `domain_accuracy`. `evaluate` logs `target_accuracy`.

    Example:

    >>> model = kerasgan.ADDA()
    >>> model.compile(phase="source")
    >>> model.predict(np.zeros((2, 28, 28, 1), "float32"), verbose=0).shape
    (2, 10)
    """

    evaluation_names = ("target_accuracy",)
    optimizer_names = ("optimizer", "d_optimizer")

    def __init__(
        self, image_size=28, channels=1, num_classes=10, encoder=None, classifier=None, discriminator=None, **kwargs
    ):
        source_encoder = encoder or lenet_encoder(image_size, channels)
        target_encoder = keras.models.clone_model(source_encoder)
        target_encoder.set_weights(source_encoder.get_weights())
        length = source_encoder.output_shape[-1]
        super().__init__(
            source_encoder=source_encoder,
            target_encoder=target_encoder,
            classifier=classifier or lenet_classifier(length, num_classes),
            discriminator=discriminator or head(length, [500, 500], 2, "discriminator"),
            **kwargs,
        )
        self.image_size, self.channels, self.num_classes = image_size, channels, num_classes
        self._starts_untrained = encoder is None

    def compile(
        self,
        optimizer=None,
        d_optimizer=None,
        phase="adaptation",
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Configures a phase of the training. The defaults are those of the adaptation in the authors' code.

        Args:
            optimizer: `keras.optimizers.Optimizer`, a name or a config, for the encoder that the phase trains, and in
                the first phase the classifier. Defaults to Adam(1e-3) or Adam(2e-4, beta_1=0.5).
            d_optimizer: of the discriminator, in the second phase. Defaults to Adam(2e-4, beta_1=0.5).
            phase: `"source"` or `"adaptation"`, which is the default.
            run_eagerly, steps_per_execution, jit_compile: as in `keras.Model.compile`.

        Raises:
            ValueError: if `phase` is neither.
        """
        if phase not in PHASES:
            raise ValueError(f"`phase` must be one of {PHASES}. Received: {phase!r}")
        self.phase, on_source = phase, phase == "source"
        self.loss_names = ("loss", "source_accuracy") if on_source else ("loss", "d_loss", "domain_accuracy")
        execution = {"run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution}
        self.start_compiling(jit_compile=jit_compile, **execution)
        default = Adam(1e-3) if on_source else Adam(2e-4, beta_1=0.5)
        self.optimizer = self._optimizer(optimizer or default, self.encoder_variables)
        d_optimizer = d_optimizer or Adam(2e-4, beta_1=0.5)
        self.d_optimizer = None if on_source else self._optimizer(d_optimizer, self.discriminator.trainable_variables)

    @property
    def encoder_variables(self):
        """Returns the variables that `optimizer` trains in this phase."""
        if self.phase == "source":
            return self.source_encoder.trainable_variables + self.classifier.trainable_variables
        return self.target_encoder.trainable_variables

    def train_step(self, data):
        """One step of the phase that was compiled."""
        (source, labels), target = data
        logs = self.source_step(source, labels) if self.phase == "source" else self.adaptation_step(source, target)
        self.update_ema()
        return self.track(**logs)

    def source_step(self, source, labels):
        """Equation 8: trains the source encoder and the classifier. The target encoder is copied."""
        with tf.GradientTape() as tape:
            logits = self.classifier(self.source_encoder(source, training=True), training=True)
            loss, accuracy = class_loss(labels, logits)
        self.descend(tape, loss, self.encoder_variables, self.optimizer)
        for ours, theirs in zip(self.target_encoder.weights, self.source_encoder.weights, strict=True):
            ours.assign(theirs)
        return {"loss": loss, "source_accuracy": accuracy}

    def adaptation_step(self, source, target):
        """Equation 9: one step of the discriminator, then one of the target encoder, on the same images."""
        rows = tf.shape(source)[0]
        from_source, from_target = tf.zeros((rows,), tf.int32), tf.ones((rows,), tf.int32)
        source_features = self.source_encoder(source, training=False)
        with tf.GradientTape() as tape:
            target_features = self.target_encoder(target, training=True)
            with tape.stop_recording():
                features = tf.concat([source_features, target_features], axis=0)
                domains = tf.concat([from_source, from_target], axis=0)
                with tf.GradientTape() as d_tape:
                    d_loss, told = class_loss(domains, self.discriminator(features, training=True))
                self.descend(d_tape, d_loss, self.discriminator.trainable_variables, self.d_optimizer)
            # By the improved discriminator, with the label inverted.
            loss, _ = class_loss(from_source, self.discriminator(target_features, training=True))
        self.descend(tape, loss, self.encoder_variables, self.optimizer)
        return {"loss": loss, "d_loss": d_loss, "domain_accuracy": told}

    def target_logits(self, images, training=False):
        """Returns class logits of target images, by the target encoder and the classifier."""
        return self.classifier(self.target_encoder(images, training=training), training=training)

    def check_batch(self, batch, check_range=True):
        super().check_batch(batch, check_range)
        if self.phase == "adaptation" and self._starts_untrained and not int(self.step):
            raise ValueError(
                "The source encoder has not been trained. Remedy: "
                "`model.compile(phase='source')` and `model.fit(...)` first, or give a trained `encoder` and "
                "`classifier`."
            )
