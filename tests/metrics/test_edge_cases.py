"""Awkward sets of images, through every metric: a finite real number, or an error that says what is wrong."""

import math

import numpy as np
import pytest
import tensorflow as tf

from kerasgan.metrics import (
    DensityCoverage,
    Extractor,
    FrechetDistance,
    ImageQuality,
    InceptionScore,
    KernelDistance,
    ModeCount,
    PrecisionRecall,
    score_images,
)

RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.uniform(-1, 1, size=(2, 24, 12, 12, 1)).astype("float32")
CONSTANT = np.full_like(REAL, 0.3)
NAN = np.where(np.arange(24)[:, None, None, None] == 5, np.nan, REAL).astype("float32")
BYTES = ((REAL + 1) * 127.5).astype("uint8")
PIXELS = Extractor(lambda images: tf.reshape(images, [-1, 144]), "pixels", num_features=144)
CLASSES = Extractor(lambda images: tf.nn.softmax(3 * tf.cast(images[:, 0, :4, 0], tf.float64)), num_features=4)

# real, generated, and what is told where no number is given: of all metrics, or by metric
CASES = {
    "fewer images than features": (REAL, FAKE, {}),
    "identical": (REAL, REAL.copy(), {}),
    "constant generated": (REAL, CONSTANT, {}),
    "constant real": (CONSTANT, FAKE, {"dc": "check that the images are not constant"}),
    "both constant": (CONSTANT, CONSTANT.copy(), {"dc": "check that the images are not constant"}),
    "float64": (REAL.astype("float64"), FAKE.astype("float64"), {}),
    "generated beyond [-1, 1]": (REAL, FAKE * 3, {}),
    "one real": (REAL[:1], FAKE, {name: "at least" for name in ("fd", "kd", "pr", "dc")}),
    "one generated": (REAL, FAKE[:1], "at least"),
    "NaN in real": (NAN, FAKE, {name: "must be finite" for name in ("fd", "kd", "pr", "dc")}),
    "NaN in generated": (REAL, NAN, "must be finite"),
    "uint8": (BYTES, BYTES, "uint8; use images / 127.5 - 1"),
    "uint8 as float": (BYTES.astype("float32"), FAKE, {n: "for .0, 255." for n in ("fd", "kd", "pr", "dc")}),
    "[0, 1]": ((REAL + 1) / 2, FAKE, {name: "looks? like .0, 1." for name in ("fd", "kd", "pr", "dc")}),
}
METRICS = ("fd", "kd", "pr", "dc", "is")


@pytest.mark.parametrize("case", CASES)
def test_scores(case):
    real, fake, refusals = CASES[case]
    if isinstance(refusals, str):
        refusals = dict.fromkeys(METRICS, refusals)
    for metric, refusal in refusals.items():
        with pytest.raises(ValueError, match=refusal):
            score_images(real, fake, [metric], PIXELS, CLASSES)
    defined = [metric for metric in METRICS if metric not in refusals]
    scores = score_images(real, fake, defined, PIXELS, CLASSES) if defined else {}
    assert len(scores) >= len(defined)
    for score in scores.values():
        assert isinstance(score.value, float) and math.isfinite(score.value)
        # a kernel distance is unbiased, and so may lie below zero
        assert score.value >= 0 or score.metric == "kernel_distance"


STREAMING = {
    "fd": lambda: FrechetDistance(PIXELS),
    "kd": lambda: KernelDistance(PIXELS, max_images=24),
    "pr": lambda: PrecisionRecall(PIXELS, max_images=24),
    "dc": lambda: DensityCoverage(PIXELS, max_images=24),
    "is": lambda: InceptionScore(CLASSES),
    "modes": lambda: ModeCount(CLASSES),
    "psnr": lambda: ImageQuality("psnr"),
    "ssim": lambda: ImageQuality("ssim"),
    "l1": lambda: ImageQuality("l1"),
}
# told of any real images; one image has a class, and is worth a comparison with its own truth
OF_REAL = {"NaN in real": "must be finite", "uint8 as float": "for .0, 255.", "[0, 1]": "looks like .0, 1."}
ENOUGH = ("modes", "psnr", "ssim", "l1")


@pytest.mark.parametrize("metric", STREAMING)
@pytest.mark.parametrize("case", CASES)
def test_streaming(case, metric):
    real, fake, refusals = CASES[case]
    refusal = refusals if isinstance(refusals, str) else refusals.get(metric)
    refusal = OF_REAL.get(case) or (None if case.startswith("one ") and metric in ENOUGH else refusal)
    if metric in ("psnr", "ssim", "l1"):
        real, fake = real[: len(fake)], fake[: len(real)]
        if metric == "psnr" and case in ("identical", "both constant"):
            return  # infinite, by its definition
    streaming = STREAMING[metric]()

    def result():
        streaming.update_state(real, fake)
        value = streaming.result()
        return value if isinstance(value, dict) else {metric: value}

    if refusal:
        with pytest.raises(ValueError, match=refusal):
            result()
        return
    for value in result().values():
        assert isinstance(value, float) and math.isfinite(value)
        assert value >= 0 or metric == "kd" or (metric == "ssim" and value > -1)
