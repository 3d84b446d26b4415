"""Domain-adversarial training: features that predict the class but not the domain."""

import tensorflow as tf
from keras import Input, Model, layers, optimizers, saving

from kerasgan.convolutions import Conv2D
from kerasgan.layers import reverse_gradient
from kerasgan.models.resumable import ResumableModel
from kerasgan.models.tasks import AdaptsDomains, class_loss
from kerasgan.networks.digits import head
from kerasgan.schedules import FromStep, PowerDecay
from kerasgan.shapes import as_size


def digit_features(image_size, channels):
    """The feature extractor of the paper's MNIST architecture (figure 4a): two convolutions, each with pooling.

    Pixels of [-1, 1] are halved, so that they span 1 as the paper's do.

    Returns:
        A `keras.Model`, images -> features (batch, n): 2,352 numbers for 28 pixels.
    """
    images = Input((*as_size(image_size), channels), name="images")
    x = layers.Rescaling(0.5)(images)
    x = layers.MaxPooling2D(2)(Conv2D(32, 5, padding="same", activation="relu")(x))
    x = layers.MaxPooling2D(2)(Conv2D(48, 5, padding="same", activation="relu")(x))
    return Model(images, layers.Flatten()(x), name="features")


@saving.register_keras_serializable("kerasgan")
class DANN(AdaptsDomains, ResumableModel):
    """Domain-adversarial neural network (Ganin et al. 2016, https://arxiv.org/abs/1505.07818).

    A label predictor learns from labelled source images. A domain classifier learns to tell the features of source
    images from those of unlabelled target images. Between the features and the domain classifier is the gradient
    reversal layer R (section 4.2): R(x) = x, dR/dx = -lambda I. One gradient step on

        E_source CE(labels) + domain_weight E_both CE(domain)

    then trains both classifiers, and makes the features useful for the labels and useless for the domain (equations
    10 to 15). lambda grows with the progress p = step / total_steps from 0 to 1: 2 / (1 + exp(-10 p)) - 1.

    `fit` takes `((source_images, source_labels), target_images)`, all with the same number of rows. `predict(images)`
    returns class probabilities. `evaluate((images, labels))` returns the accuracy on labelled target images.

    `compile()` trains with momentum 0.9 and the rate 0.01 / (1 + 10 p)^0.75 (section 5.2.2).

    Args:
        image_size: int or (height, width). Size of the images of both domains, a multiple of 4. Defaults to 28.
        channels: int. Of both domains. Defaults to 3.
        num_classes: int. Defaults to 10.
        features: `keras.Model`, images -> features (batch, n). Defaults to the paper's MNIST architecture.
        classifier: `keras.Model`, features -> (batch, num_classes) logits. Defaults to the paper's.
        domain_classifier: `keras.Model`, features -> (batch, 1) logits of "target". Defaults to the paper's.
        seed: int. Seed of random layers.

    Logs `loss`, `label_loss`, `domain_loss`, `source_accuracy` and `domain_accuracy`, which is 1/2 if the domain
    classifier guesses. `evaluate` logs `target_accuracy`.

    Example:

    >>> model = kerasgan.DANN(channels=1)
    >>> model.compile(total_steps=1000)
    >>> model.predict(np.zeros((2, 28, 28, 1), "float32"), verbose=0).shape
    (2, 10)
    """

    loss_names = ("loss", "label_loss", "domain_loss", "source_accuracy", "domain_accuracy")
    evaluation_names = ("target_accuracy",)

    def __init__(
        self,
        image_size=28,
        channels=3,
        num_classes=10,
        features=None,
        classifier=None,
        domain_classifier=None,
        **kwargs,
    ):
        features = features or digit_features(image_size, channels)
        length = features.output_shape[-1]
        super().__init__(
            features=features,
            classifier=classifier or head(length, [100, 100], num_classes, "classifier"),
            domain_classifier=domain_classifier or head(length, [100], 1, "domain_classifier"),
            **kwargs,
        )
        self.image_size, self.channels, self.num_classes = image_size, channels, num_classes

    def compile(
        self,
        optimizer=None,
        domain_weight=1.0,
        total_steps=8_600,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Configures training. The defaults are the paper's.

        Args:
            optimizer: `keras.optimizers.Optimizer`, a name or a config. Defaults to SGD with momentum 0.9 and the
                paper's falling rate.
            domain_weight: float. Weight of the domain classifier's loss. Defaults to 1; 0 trains on the source alone.
            total_steps: int. Number of training steps, over which lambda grows and the rate falls. Defaults to
                8,600.
            run_eagerly, steps_per_execution, jit_compile: as in `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of range.
        """
        if domain_weight < 0:
            raise ValueError(f"`domain_weight` must be at least 0. Received: {domain_weight!r}")
        if total_steps != int(total_steps) or total_steps < 1:
            raise ValueError(f"`total_steps` must be an int of at least 1. Received: {total_steps!r}")
        execution = {"run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution}
        self.start_compiling(jit_compile=jit_compile, **execution)
        self.domain_weight, self.total_steps = float(domain_weight), int(total_steps)
        rate = FromStep(PowerDecay(0.01, self.total_steps), int(self.step))
        self.optimizer = self._optimizer(optimizer or optimizers.SGD(rate, momentum=0.9), self.trainable_variables)

    def train_step(self, data):
        """One gradient step on the objective of equation 9, with the reversed gradient of the domain loss."""
        (source, labels), target = data
        rows = tf.shape(source)[0]
        domains = tf.concat([tf.zeros((rows, 1)), tf.ones((rows, 1))], axis=0)
        with tf.GradientTape() as tape:
            features = self.features(tf.concat([source, target], axis=0), training=True)
            label_loss, source_accuracy = class_loss(labels, self.classifier(features[:rows], training=True))
            reversed_features = reverse_gradient(features, self.reversal_strength())
            domain_logits = tf.cast(self.domain_classifier(reversed_features, training=True), tf.float32)
            domain_loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(domains, domain_logits))
            loss = label_loss + self.domain_weight * domain_loss
        self.descend(tape, loss, self.trainable_variables, self.optimizer)
        self.update_ema()
        told = tf.reduce_mean(tf.cast((domain_logits > 0) == (domains > 0), tf.float32))
        losses = {"loss": loss, "label_loss": label_loss, "domain_loss": domain_loss}
        return self.track(**losses, source_accuracy=source_accuracy, domain_accuracy=told)

    def reversal_strength(self):
        """lambda at this step (section 5.2.2), a float32 scalar in [0, 1)."""
        progress = tf.minimum(tf.cast(self.step, tf.float32) / self.total_steps, 1.0)
        return 2.0 / (1.0 + tf.exp(-10.0 * progress)) - 1.0

    def target_logits(self, images, training=False):
        """Returns class logits of images. Source and target share all networks."""
        return self.classifier(self.features(images, training=training), training=training)
