"""Scores of 28x28 images: real images score what they must, and anything else scores worse."""

import os

import keras
import numpy as np
import pytest
import skimage.metrics
from PIL import Image

from kerasgan import zoo
from kerasgan.data import bicubic_resize, glyphs, load
from kerasgan.zoo._glyphs import read_ink

needs_mnist = pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "mnist")),
    reason="set TFDS_DATA_DIR to a folder that holds the prepared mnist",
)


def real(split, num_images):
    batches = load("mnist", f"{split}[:{num_images}]", labels=True, batch_size=num_images, shuffle=False)
    return next(batches.as_numpy_iterator())


def scored(images, **options):
    scores = zoo.score_generator(lambda n, seed, **labels: images[:n], "mnist", len(images), **options)
    return {score["metric"]: score for score in scores}


@needs_mnist
@pytest.mark.slow
def test_real_images_score_what_they_must():
    images, _ = real("test", 10_000)
    scores = scored(images)
    # Ties at the threshold count as passing, hence at least.
    assert 0.95 <= scores["recognizability"]["value"] <= 0.9501
    assert 0 <= scores["frechet_distance"]["value"] < 1e-6
    assert 0.085 < scores["smallest_class_share"]["value"] < 0.095
    assert 0.105 < scores["largest_class_share"]["value"] < 0.12
    assert "label_accuracy" not in scores
    floor = scores["frechet_distance"]["floor"]
    train = scored(real("train", 10_000)[0])
    assert train["frechet_distance"]["value"] == pytest.approx(floor, rel=1e-6)
    assert 0 < train["frechet_distance"]["sd"] < floor


@needs_mnist
@pytest.mark.slow
def test_noise_scores_worse_and_the_number_of_images_is_recorded():
    images, _ = real("test", 2000)
    noisy = images + np.random.default_rng(0).normal(0, 0.5, images.shape)
    clean, dirty = scored(images), scored(np.clip(noisy, -1, 1))
    assert dirty["recognizability"]["value"] < clean["recognizability"]["value"] - 0.1
    assert dirty["frechet_distance"]["value"] > 5 * clean["frechet_distance"]["value"]
    assert clean["recognizability"]["num_generated"] == 2000
    share = clean["recognizability"]["value"]
    assert clean["recognizability"]["sd"] == pytest.approx((share * (1 - share) / 2000) ** 0.5)


@needs_mnist
@pytest.mark.slow
def test_label_accuracy_is_the_share_of_images_in_the_class_asked_for():
    images, labels = real("test", 2000)
    by_class = [list(np.flatnonzero(labels == c)) for c in range(10)]
    asked = []

    def generate(num_images, seed, labels):
        asked.append(labels)
        return images[[by_class[(c + 1) % 10 if i < 40 else c][i % 100] for i, c in enumerate(labels)]]

    scores = {s["metric"]: s for s in zoo.score_generator(generate, "mnist", 400, conditional=True)}
    np.testing.assert_array_equal(np.bincount(asked[0]), [40] * 10)
    # 40 of 400 images show the next class.
    assert scores["label_accuracy"]["value"] == pytest.approx(0.9, abs=0.02)
    assert 0.99 <= scores["label_accuracy"]["floor"] <= 1
    assert scores["smallest_class_share"]["value"] == pytest.approx(0.1, abs=0.015)


@needs_mnist
@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((10, 32, 32, 1)), "shape"),
        (np.linspace(0, 1, 7840).reshape(10, 28, 28, 1), r"\[-1, 1\]"),
        (np.full((10, 28, 28, 1), 255.0), r"\[-1, 1\]"),
        (np.full((10, 28, 28, 1), np.nan), "finite|NaN"),
    ],
)
def test_images_of_another_shape_or_range_are_refused(images, match):
    with pytest.raises(ValueError, match=match):
        zoo.score_generator(lambda n, seed: images, "mnist", 10)


def test_ink_of_a_leaning_bar_is_read_by_hand():
    """A bar that moves one column right every two rows up, in blue on white, and upright in red on black."""
    images = np.ones((2, 16, 16, 3), "float32")
    images[1] = -1
    for row in range(2, 14):
        images[0, row, 10 - row // 2] = (-1, -1, 1)
        images[1, row, 8] = (1, -1, -1)
    ink = read_ink(images)
    names = [list(glyphs.COLORS)[i] for i in ink["color"]], [list(glyphs.BACKGROUNDS)[i] for i in ink["background"]]
    assert names == (["blue", "red"], ["white", "black"])
    # Columns 9, 9 ... 4, 4 over 12 rows: the slope of those steps by least squares is 70 / 143.
    np.testing.assert_allclose(ink["shear"], [70 / 143, 0], atol=1e-9)


def test_glyphs_as_asked_for_score_as_real_ones_and_others_do_not():
    table = glyphs.attributes(200, "test")
    names = ("letter_right", "color_right", "colors_right", "slant_correlation")
    images = glyphs.render(table) / np.float32(127.5) - 1
    right = zoo.score_glyphs(images, table, names, seed=0)
    wrong = zoo.score_glyphs(images[::-1], table, names, seed=0)
    assert [score["metric"] for score in right] == list(names)
    for score, other in zip(right, wrong):
        assert score["value"] == score["floor"] > 0.85 and other["value"] < 0.4, (score, other)


def test_painted_label_maps_are_read_beside_the_photos():
    """A reader of one channel's sign: the photos show their classes, the paintings in one half only."""
    images = keras.Input((None, None, 1))
    reader = keras.Model(images, keras.layers.Concatenate()([-images, images]), name="reader")
    labels = np.tile([0, 1], (3, 4, 2))
    photos = (2.0 * labels[..., None] - 1).astype("float32")
    painted = photos.copy()
    painted[:, :2] = -1
    scores = zoo.score_segmentation(painted, photos, labels, reader, 2, dataset="toys")
    assert [s["metric"] for s in scores] == ["mean_iou", "pixel_accuracy", "class_accuracy"]
    # Of class 0 all pixels are right, and a quarter of all is taken for it; of class 1 half is right.
    assert [s["value"] for s in scores] == pytest.approx([(2 / 3 + 1 / 2) / 2, 0.75, 0.75])
    assert [s["floor"] for s in scores] == [1, 1, 1]
    assert scores[0]["dataset"] == "toys" and scores[0]["num_generated"] == 3 and scores[0]["extractor"] == "reader"


def test_enlargements_are_scored_beside_bicubic_ones(tmp_path):
    """Against scikit-image on the luma, and features that are the colours themselves."""
    folder = tmp_path / "Toys"
    folder.mkdir()
    photos = np.random.default_rng(0).integers(0, 256, (2, 40, 36, 3), dtype="uint8")
    for i, pixels in enumerate(photos):
        Image.fromarray(pixels).save(folder / f"{i}.png")

    def repeat(low):
        return low.repeat(4, axis=1).repeat(4, axis=2)

    found = zoo.score_enlargements(repeat, [folder], {"toys_psnr": 30.0}, features=lambda images: images + 1)
    scores = {score["metric"]: score for score in found}
    assert list(scores) == [f"toys_{m}{s}" for s in ("", "_bicubic") for m in ("psnr", "ssim", "perceptual")]

    def luma(image):
        return 16 + image.astype(float) @ [65.481, 128.553, 24.966] / 255

    def cosine(x, y):
        return (x * y).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)

    for suffix, enlarge in (("", lambda x: x.repeat(4, 0).repeat(4, 1)), ("_bicubic", lambda x: bicubic_resize(x, 4))):
        large = [enlarge(bicubic_resize(photo, 1 / 4)) for photo in photos]
        pairs = [(luma(a)[4:-4, 4:-4], luma(b)[4:-4, 4:-4]) for a, b in zip(photos, large)]
        psnr = [skimage.metrics.peak_signal_noise_ratio(a, b, data_range=255) for a, b in pairs]
        assert scores[f"toys_psnr{suffix}"]["value"] == pytest.approx(np.mean(psnr), abs=0.02)
        assert scores[f"toys_psnr{suffix}"]["sd"] == pytest.approx(np.std(psnr) / np.sqrt(2), abs=0.02)
        options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, win_size=11)
        ssim = [
            skimage.metrics.structural_similarity(a, b, full=True, **options)[1][5:-5, 5:-5].mean() for a, b in pairs
        ]
        assert scores[f"toys_ssim{suffix}"]["value"] == pytest.approx(np.mean(ssim), abs=2e-3)
        distances = [2 - 2 * cosine(a.astype(float), b.astype(float)) for a, b in zip(photos, large)]
        assert scores[f"toys_perceptual{suffix}"]["value"] == pytest.approx(np.mean(distances), rel=1e-2)
    assert scores["toys_psnr"]["paper"] == 30.0 and scores["toys_psnr_bicubic"]["paper"] is None
