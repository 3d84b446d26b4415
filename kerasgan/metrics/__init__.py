"""Scores of generated images: functions on features, streaming Keras metrics, and scores with their protocol."""

from kerasgan.metrics.features import Extractor, extract_features, get_classifier, get_extractor, weights_hash
from kerasgan.metrics.frechet import FrechetDistance, frechet_distance, frechet_distance_from_features
from kerasgan.metrics.generator import GeneratorScore, classification_accuracy_score, perceptual_path_length
from kerasgan.metrics.image_quality import ImageQuality, l1, luma, ms_ssim, perceptual_distance, psnr, ssim
from kerasgan.metrics.inception_score import InceptionScore, inception_score
from kerasgan.metrics.kernel import Estimate, KernelDistance, kernel_distance
from kerasgan.metrics.modes import ModeCount, mode_count, recognizability
from kerasgan.metrics.precision_recall import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from kerasgan.metrics.score import Score
from kerasgan.metrics.scoring import score_images
from kerasgan.metrics.segmentation import SegmentationScores, segmentation_scores, train_segmenter
from kerasgan.metrics.statistics import (
    Statistics,
    images_hash,
    read_statistics,
    reference_statistics,
    write_statistics,
)
from kerasgan.metrics.transport import Transport, earth_movers_distance, wasserstein_1d
from kerasgan.metrics.video import temporal_difference, warping_error

__all__ = [
    "DensityCoverage",
    "Estimate",
    "Extractor",
    "FrechetDistance",
    "GeneratorScore",
    "ImageQuality",
    "InceptionScore",
    "KernelDistance",
    "ModeCount",
    "PrecisionRecall",
    "Score",
    "SegmentationScores",
    "Statistics",
    "Transport",
    "classification_accuracy_score",
    "density_coverage",
    "earth_movers_distance",
    "extract_features",
    "frechet_distance",
    "frechet_distance_from_features",
    "get_classifier",
    "get_extractor",
    "images_hash",
    "inception_score",
    "kernel_distance",
    "l1",
    "luma",
    "mode_count",
    "ms_ssim",
    "perceptual_distance",
    "perceptual_path_length",
    "precision_recall",
    "psnr",
    "read_statistics",
    "recognizability",
    "reference_statistics",
    "score_images",
    "segmentation_scores",
    "ssim",
    "temporal_difference",
    "warping_error",
    "wasserstein_1d",
    "train_segmenter",
    "weights_hash",
    "write_statistics",
]
