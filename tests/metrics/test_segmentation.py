"""Scores of label maps by hand, and a segmentation network that learns what can be seen."""

import numpy as np
import pytest

from kerasgan.metrics import segmentation_scores, train_segmenter


def test_scores_by_hand():
    """Class 0: 3 of 4 right. Class 1: 1 of 3. Class 2 is only predicted, once. Class 3 is absent, 4 void."""
    labels = np.array([[[0, 0, 0, 0]], [[1, 1, 1, 4]]])
    predicted = np.array([[[0, 0, 0, 1]], [[1, 0, 2, 0]]])
    found = segmentation_scores(labels, predicted, 5, void=4)
    np.testing.assert_allclose(found.ious, [3 / 5, 1 / 4, 0, np.nan, np.nan])
    assert found.mean_iou == pytest.approx((3 / 5 + 1 / 4 + 0) / 3)
    assert found.pixel_accuracy == pytest.approx(4 / 7)
    assert found.class_accuracy == pytest.approx((3 / 4 + 1 / 3) / 2)
    all_of_it = segmentation_scores(labels, predicted, 5)  # the void pixel is a class that was never right
    np.testing.assert_allclose(all_of_it.ious, [3 / 6, 1 / 4, 0, np.nan, 0])
    assert all_of_it.pixel_accuracy == pytest.approx(4 / 8)


def test_scores_refuse_what_they_cannot_compare():
    maps = np.zeros((1, 2, 2), int)
    for labels, predicted, message in (
        (maps, maps[:, :1], "must have the same shape"),
        (maps + 3, maps, r"`labels` must be integers in \[0, 3\).*3 to 3"),
        (maps, maps - 1, r"`predicted` must be integers in \[0, 3\)"),
        (maps, maps + 0.5, "`predicted` must be integers"),
    ):
        with pytest.raises(ValueError, match=message):
            segmentation_scores(labels, predicted, 3)
    with pytest.raises(ValueError, match="sides multiples of 16. Received: int64 .* for images"):
        train_segmenter(np.zeros((1, 8, 16, 3)) - 1, np.zeros((1, 8, 16), int), 3)


@pytest.mark.slow
def test_a_segmenter_reads_colours_and_does_not_learn_the_void():
    """Blocks of 8x8 pixels of one of two colours; a third of the labels are void, whatever the colour."""
    rng = np.random.default_rng(0)

    def scenes(count):
        labels = rng.integers(0, 2, (count, 4, 4)).repeat(8, axis=1).repeat(8, axis=2)
        images = np.where(labels[..., None] == 1, 0.8, -0.8) + rng.normal(0, 0.1, (count, 32, 32, 3))
        return np.clip(images, -1, 1).astype("float32"), labels

    images, labels = scenes(16)
    spoilt = np.where(rng.random(labels.shape) < 0.33, 2, labels)
    segmenter = train_segmenter(images, spoilt, 3, void=2, width=4, epochs=25, learning_rate=1e-2)
    test_images, test_labels = scenes(4)
    predicted = segmenter.predict(test_images, verbose=0).argmax(axis=-1)
    found = segmentation_scores(test_labels, predicted, 3, void=2)
    assert found.mean_iou > 0.95 and (predicted < 2).all()
    again = train_segmenter(images, spoilt, 3, void=2, width=4, epochs=25, learning_rate=1e-2)
    np.testing.assert_allclose(
        again.predict(test_images, verbose=0), segmenter.predict(test_images, verbose=0), atol=1e-3
    )
