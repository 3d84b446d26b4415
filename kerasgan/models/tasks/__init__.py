"""Mixins for tasks: the methods of a model for batches, sampling, previews and serving.

A paper's class names its task before its base, `class DCGAN(FromNoise, AdversarialModel)`, and adds networks, defaults
and `train_step`.
"""

from kerasgan.models.tasks.adaptation import AdaptsDomains, AdaptsPixels, class_loss
from kerasgan.models.tasks.codes import ThroughACode
from kerasgan.models.tasks.domains import BetweenDomains
from kerasgan.models.tasks.few_labels import FromFewLabels
from kerasgan.models.tasks.films import FromLabelFilms
from kerasgan.models.tasks.image import FromImage
from kerasgan.models.tasks.label_maps import FromLabelMaps
from kerasgan.models.tasks.labels import FromLabels, condition_inputs, name_conditions
from kerasgan.models.tasks.noise import FromNoise, join_inputs, stateless_latents, truncate
from kerasgan.models.tasks.styles import FromStyles
from kerasgan.models.tasks.text import FromText, choose_rows, mismatched
from kerasgan.models.tasks.views import FromViews
