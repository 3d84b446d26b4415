"""What one does while a GAN trains, and Keras's own callbacks lack."""

from kerasgan.callbacks.checkpoint import Checkpoint
from kerasgan.callbacks.sample_grid import SampleGrid
from kerasgan.callbacks.stopping import EquilibriumStopping, StopOnNonFinite
