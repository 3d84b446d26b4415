import numpy as np
import pytest
import skimage.color
import skimage.metrics

from kerasgan.metrics import (
    classification_accuracy_score,
    l1,
    luma,
    ms_ssim,
    perceptual_distance,
    perceptual_path_length,
    psnr,
    ssim,
)


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(random.normal(size=(2, 32, 24, 3)), axis=1), axis=2)
    real = smooth / np.abs(smooth).max()
    return real, np.clip(real + random.normal(size=real.shape) * 0.1, -1, 1)


def structural(a, b):
    return skimage.metrics.structural_similarity(
        a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1
    )


def luma_of(images):
    return skimage.color.rgb2ycbcr((images + 1) / 2)[..., :1] / 255


def test_by_hand():
    zeros, half = np.zeros((1, 12, 12, 1)), np.full((1, 12, 12, 1), 0.5)
    assert l1(zeros, half).numpy() == pytest.approx([0.5])
    # mean squared error 1/16 of a range of 1
    assert psnr(zeros, half).numpy() == pytest.approx([10 * np.log10(16)], rel=1e-6)
    assert psnr(half, half).numpy() == [np.inf]
    # constant images: only the luminance term is left, (2 m1 m2 + c1) / (m1^2 + m2^2 + c1)
    expected = (2 * 0.5 * 0.75 + 1e-4) / (0.25 + 0.5625 + 1e-4)
    assert ssim(zeros, half).numpy() == pytest.approx([expected], abs=5e-4)


def test_psnr_and_ssim_equal_scikit_image(pair):
    real, fake = pair
    a, b = (real + 1) / 2, (fake + 1) / 2
    for index in range(2):
        expected = skimage.metrics.peak_signal_noise_ratio(a[index], b[index], data_range=1.0)
        assert float(psnr(real, fake)[index]) == pytest.approx(expected, rel=1e-5)
        assert float(ssim(real, fake)[index]) == pytest.approx(structural(a[index], b[index]), abs=1e-5)


def test_luma_channel_with_a_border_equals_scikit_image(pair):
    real, fake = pair
    a, b = luma_of(real)[:, 4:-4, 4:-4], luma_of(fake)[:, 4:-4, 4:-4]
    for index in range(2):
        expected = skimage.metrics.peak_signal_noise_ratio(a[index], b[index], data_range=1.0)
        assert float(psnr(real, fake, channel="y", border=4)[index]) == pytest.approx(expected, rel=1e-5)
        assert float(ssim(real, fake, channel="y", border=4)[index]) == pytest.approx(
            structural(a[index], b[index]), abs=1e-5
        )


def test_luma_of_primaries():
    colours = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], "float32")
    np.testing.assert_allclose(luma(colours)[:, 0] * 255, [16, 81.481, 144.553, 40.966, 235], rtol=1e-6)


def test_ms_ssim_orders_degradations():
    random = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(random.normal(size=(1, 176, 180, 1)), axis=1), axis=2)
    real = smooth / np.abs(smooth).max()
    noise = random.normal(size=real.shape)
    values = [float(ms_ssim(real, np.clip(real + share * noise, -1, 1))[0]) for share in (0.0, 0.05, 0.3)]
    assert values[0] == pytest.approx(1.0, abs=1e-6)
    assert 1 > values[1] > values[2] > 0


def test_values_beyond_the_range_are_clipped_in_generated_images_only(pair):
    real, fake = pair
    np.testing.assert_array_equal(
        psnr(real, np.where(fake > 0.9, 7.0, fake)), psnr(real, np.where(fake > 0.9, 1.0, fake))
    )
    with pytest.raises(ValueError, match=r"`real` must be in \[-1, 1\].*127.5"):
        psnr(real * 255, fake)


def test_refusals(pair):
    real, fake = pair
    with pytest.raises(ValueError, match="uint8; use images / 127.5 - 1"):
        l1(real.astype("uint8"), fake)
    with pytest.raises(ValueError, match="`fake` must be finite"):
        ssim(real, fake * np.nan)
    with pytest.raises(ValueError, match="same shape"):
        psnr(real, fake[:, :-1])
    with pytest.raises(ValueError, match="`channel` must be one of"):
        psnr(real, fake, channel="Y")
    with pytest.raises(ValueError, match="needs RGB images. Received: 1 channels"):
        psnr(real[..., :1], fake[..., :1], channel="y")
    with pytest.raises(ValueError, match="`border`"):
        psnr(real, fake, border=12)
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(real, fake, border=8)
    with pytest.raises(ValueError, match="at least 176 pixels"):
        ms_ssim(real, fake)


def test_path_length_of_the_identity_is_the_angle():
    def squares(a, b):
        return np.sum((a.astype("float64") - b) ** 2, axis=-1)

    # a great circle of radius sqrt(d): |dz| = sqrt(d) angle epsilon, and the angle averages pi / 2
    value = perceptual_path_length(lambda z: z, 64, squares, num_samples=500, epsilon=1e-2, trim=0.0)
    assert value == pytest.approx(64 * ((np.pi / 2) ** 2 + 1 / 64), rel=0.03)
    assert perceptual_path_length(
        lambda z: 2 * z, 64, squares, num_samples=500, epsilon=1e-2, trim=0.0
    ) == pytest.approx(4 * value, rel=1e-3)
    assert perceptual_path_length(lambda z: 0 * z, 64, squares, num_samples=7) == 0.0


def test_path_length_drops_the_tails():
    values = iter([np.arange(10.0), np.arange(10.0)])
    value = perceptual_path_length(lambda z: z, 2, lambda a, b: next(values), 20, 1.0, batch_size=10, trim=0.2)
    assert value == pytest.approx(4.5)
    with pytest.raises(ValueError, match="one finite number per image"):
        perceptual_path_length(lambda z: z, 2, lambda a, b: np.full(len(a), np.nan), num_samples=4)


def test_path_length_does_not_depend_on_the_batches():
    def squares(a, b):
        return np.sum((a.astype("float64") - b) ** 2, axis=-1)

    values = [
        perceptual_path_length(np.tanh, 6, squares, num_samples=20, epsilon=1e-2, batch_size=size)
        for size in (20, 7, 1)
    ]
    assert values[1:] == pytest.approx(values[:1] * 2, rel=1e-6) and values[0] > 0
    assert perceptual_path_length(np.tanh, 6, squares, 20, 1e-2, seed=1) != pytest.approx(values[0], rel=1e-3)
    for bad in ({"latent_dim": 1}, {"num_samples": 0}, {"epsilon": 0.0}, {"trim": 0.5}):
        with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be"):
            perceptual_path_length(**({"generate": np.tanh, "latent_dim": 4, "distance": squares} | bad))


def test_classification_accuracy_score():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, size=128)
    images = np.clip(
        np.where(labels == 1, 0.5, -0.5)[:, None, None, None] + random.normal(size=(128, 8, 8, 1)) * 0.2, -1, 1
    )
    arguments = {"num_classes": 2, "epochs": 3, "batch_size": 16}
    assert classification_accuracy_score(images, labels, images[:32], labels[:32], **arguments) == 1.0
    assert classification_accuracy_score(images, 1 - labels, images[:32], labels[:32], **arguments) == 0.0
    with pytest.raises(ValueError, match=r"`fake_labels` must be in \[0, 2\). Received: 1 to 2"):
        classification_accuracy_score(images, labels + 1, images, labels, **arguments)
    with pytest.raises(ValueError, match="`real_labels` must be one integer per image"):
        classification_accuracy_score(images, labels, images, labels * 1.0, **arguments)


def test_perceptual_distance_by_hand():
    """Two places; features are (value, 1) before they are scaled to length 1."""
    real = np.array([[[[0.0], [1.0]]]], "float32")
    fake = np.array([[[[1.0], [1.0]]]], "float32")
    pairs = lambda images: np.concatenate([images, np.ones_like(images)], axis=-1)  # noqa: E731
    first = (0 - 1 / np.sqrt(2)) ** 2 + (1 - 1 / np.sqrt(2)) ** 2  # (0, 1) against (1, 1) / sqrt(2)
    assert perceptual_distance(real, fake, pairs).numpy() == pytest.approx([first / 2], rel=1e-6)
    tens = lambda images: pairs(10 * images)  # noqa: E731
    real, fake = np.array([[[[0.0], [0.2]]]], "float32"), np.array([[[[0.1], [0.3]]]], "float32")
    second = 2 - 2 * (2 * 3 + 1) / np.sqrt(5 * 10)  # (2, 1) / sqrt(5) against (3, 1) / sqrt(10)
    assert perceptual_distance(real, fake, tens).numpy() == pytest.approx([(first + second) / 2], rel=1e-5)
    assert perceptual_distance(real, real, pairs).numpy() == pytest.approx([0.0], abs=1e-12)
    with pytest.raises(ValueError, match="`features` must give"):
        perceptual_distance(real, fake, lambda images: images[:, 0, 0])
