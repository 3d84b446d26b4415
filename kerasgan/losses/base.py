"""The base class of adversarial losses, and what losses and penalties read from the outputs of D."""

import keras
import tensorflow as tf

from kerasgan.arguments import KnowsItsArguments


def entry(outputs, name):
    """Returns the entry `name` of each output of a discriminator. An output that is not a dict is the logits."""
    if isinstance(outputs, (list, tuple)):
        return [entry(output, name) for output in outputs]
    if isinstance(outputs, dict) and name in outputs:
        return outputs[name]
    if isinstance(outputs, dict) or name != "logits":
        raise ValueError(
            f"The discriminator must output a dict with the entry {name!r}. Received: {outputs}. Remedy: "
            "`kerasgan.networks.with_features(discriminator)`"
        )
    return outputs


def over_outputs(function, *outputs, name="logits"):
    """Averages `function` over an entry of the discriminator's outputs, in float32."""
    columns = [[tf.cast(x, tf.float32) for x in tf.nest.flatten(entry(output, name))] for output in outputs]
    values = [function(*row) for row in zip(*columns, strict=True)]
    return sum(values) / len(values)


class AdversarialLoss(KnowsItsArguments):
    """Base class of adversarial losses. It averages the formulas of a subclass over the outputs of a discriminator.

    A subclass implements `on_discriminator(real, fake)` and `on_generator(fake, real)` for float32 tensors of logits.
    It stores the arguments of its constructor as attributes of the same names and lists them in `arguments`.
    """

    arguments = ()
    needs_real_logits = False

    def discriminator_loss(self, real_logits, fake_logits):
        """Returns the scalar that the discriminator minimises."""
        return over_outputs(self.on_discriminator, real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        """Returns the scalar that the generator minimises."""
        if not self.needs_real_logits:
            return over_outputs(lambda fake: self.on_generator(fake, None), fake_logits)
        if real_logits is None:
            raise ValueError(f"{type(self).__name__}.generator_loss needs `real_logits` too. Received: None")
        return over_outputs(self.on_generator, fake_logits, real_logits)

    def probabilities(self, real_logits, fake_logits):
        """Returns the means of D(x) and of D(G(z)), two scalars. Both are 1/2 at the theoretical optimum."""
        return (
            over_outputs(lambda real, fake: tf.reduce_mean(self.probability(real, fake)), real_logits, fake_logits),
            over_outputs(lambda real, fake: tf.reduce_mean(self.probability(fake, real)), real_logits, fake_logits),
        )

    def probability(self, logits, others):
        """Returns D's probability that images with `logits` are real. `others` are the logits of the other kind."""
        return tf.sigmoid(logits)

    def certainty(self, real_logits, fake_logits):
        """Returns E sign(P(x) - 1/2) over real images x, a scalar in [-1, 1].

        It is 0 if D guesses, and 1 if D classifies all of them correctly. If the probability is the sigmoid of the
        logits, it equals E sign D(x).
        """
        one = lambda real, fake: tf.reduce_mean(tf.sign(self.probability(real, fake) - 0.5))  # noqa: E731
        return over_outputs(one, real_logits, fake_logits)

    def draw_from(self, seed_generator):
        """Receives the source of random numbers. `compile` calls it for each loss."""

    def get_config(self):
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class Completed(AdversarialLoss):
    """Wraps a user's loss of two methods and adds defaults for the others.

    `losses.get` and `compile` wrap such a loss automatically. Methods that the loss defines are used.

    Args:
        loss: object with `discriminator_loss(real_logits, fake_logits)` and `generator_loss(fake_logits, real_logits)`.
            To be saved with a model, it also needs `get_config` and a name registered in Keras.

    Example:

    >>> class Margin:
    ...     def discriminator_loss(self, real_logits, fake_logits):
    ...         return tf.reduce_mean(tf.nn.relu(1 + fake_logits - real_logits))
    ...     def generator_loss(self, fake_logits, real_logits):
    ...         return -tf.reduce_mean(fake_logits)
    >>> model = kerasgan.GAN(image_size=8)
    >>> model.compile(loss=Margin(), augment="adaptive")
    """

    def __init__(self, loss):
        self.loss = loss
        # It is unknown whether the loss uses them.
        self.needs_real_logits = getattr(loss, "needs_real_logits", True)
        for name in ("probabilities", "probability", "certainty", "draw_from", "count_by"):
            if hasattr(loss, name):
                setattr(self, name, getattr(loss, name))

    def discriminator_loss(self, real_logits, fake_logits):
        return self.loss.discriminator_loss(real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return self.loss.generator_loss(fake_logits, real_logits)

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["loss"]))
