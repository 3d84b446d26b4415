"""Adversarial losses of D and G, computed from logits.

Every loss is a serialisable object with two methods, which a paper's `train_step` calls:

    loss.discriminator_loss(real_logits, fake_logits)
    loss.generator_loss(fake_logits, real_logits)

A custom loss needs only these two. It may also define the following, which have defaults (see `Completed`):

- `needs_real_logits`: whether `generator_loss` uses `real_logits`, as relativistic losses do. If False, None is passed.
  Default: True for a custom loss, and False for a subclass of `AdversarialLoss`.
- `probabilities(real_logits, fake_logits)`: the means of D(x) and D(G(z)), logged as `d_real` and `d_fake`. Default:
  the means of the sigmoid of the logits.
- `certainty(real_logits, fake_logits)`: the overfitting measure of adaptive augmentation. Default: E sign(D(x) - 1/2).
- `draw_from(seed_generator)`: called by `compile`, for losses that draw random numbers.
- `count_by(step)`: called by `compile`, for losses that change during training.

Logits may be one tensor of any shape (the map of a PatchGAN) or a list of them (several discriminators). The loss is
the mean over each tensor and then over the list. If a discriminator outputs a dict, the logits are its entry
`"logits"`. All arithmetic is in float32.
"""

import keras

from kerasgan.arguments import did_you_mean
from kerasgan.losses.adversarial import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein
from kerasgan.losses.base import AdversarialLoss, Completed, entry, over_outputs
from kerasgan.losses.changed import FeatureMatching, LabelFlipping, TopK

__all__ = [
    "AdversarialLoss",
    "Completed",
    "FeatureMatching",
    "Hinge",
    "LabelFlipping",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Relativistic",
    "TopK",
    "Wasserstein",
    "entry",
    "get",
    "over_outputs",
]

NAMES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "wasserstein": Wasserstein,
    "hinge": Hinge,
    "relativistic": Relativistic,
    "top_k": TopK,
}


def get(loss):
    """Returns the adversarial loss that `loss` names.

    Args:
        loss: str, one of `"minimax"`, `"non_saturating"`, `"least_squares"`, `"wasserstein"`, `"hinge"`,
            `"relativistic"`, `"top_k"`; or a config made by `keras.saving.serialize_keras_object`; or an object with
            `discriminator_loss` and `generator_loss`, for which `Completed` adds the other methods.

    Returns:
        An object with `discriminator_loss(real_logits, fake_logits)` and `generator_loss(fake_logits, real_logits)`.

    Raises:
        ValueError: if `loss` is none of these.

    Example:

    >>> float(kerasgan.losses.get("hinge").generator_loss(tf.constant([[2.0], [4.0]])))
    -3.0
    """
    if isinstance(loss, dict):
        loss = keras.saving.deserialize_keras_object(loss)
    if isinstance(loss, type):
        raise ValueError(f"`loss` must be an object. Received: the class {loss.__name__}. Remedy: {loss.__name__}()")
    if isinstance(loss, str) and loss in NAMES:
        return NAMES[loss]()
    if hasattr(loss, "discriminator_loss") and hasattr(loss, "generator_loss"):
        complete = all(hasattr(loss, name) for name in ("needs_real_logits", "probabilities", "certainty"))
        return loss if complete else Completed(loss)
    raise ValueError(
        f"`loss` must be one of {sorted(NAMES)}, or an object with `discriminator_loss` and `generator_loss`. "
        f"Received: {loss!r}.{did_you_mean(loss, NAMES)}"
    )
