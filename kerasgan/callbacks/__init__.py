"""Callbacks for training GANs."""

from kerasgan.callbacks.checkpoint import Checkpoint
from kerasgan.callbacks.collapse import CollapseMonitor
from kerasgan.callbacks.csv_logger import CSVLogger
from kerasgan.callbacks.sample_grid import SampleGrid
from kerasgan.callbacks.score_monitor import ScoreMonitor
from kerasgan.callbacks.stopping import EquilibriumStopping, StopOnNonFinite

__all__ = [
    "CSVLogger",
    "Checkpoint",
    "CollapseMonitor",
    "EquilibriumStopping",
    "SampleGrid",
    "ScoreMonitor",
    "StopOnNonFinite",
]
