"""Scores of entries: of generators of 28x28 images, translations, segmentations, and super-resolution."""

import functools
from pathlib import Path

import numpy as np

from kerasgan.data import bicubic_resize, super_resolution
from kerasgan.data import load as load_data
from kerasgan.metrics import (
    Extractor,
    Score,
    extract_features,
    frechet_distance_from_features,
    get_classifier,
    get_extractor,
    l1,
    perceptual_distance,
    psnr,
    recognizability,
    score_images,
    segmentation_scores,
    ssim,
    weights_hash,
)
from kerasgan.metrics.score import size_in_words
from kerasgan.networks import vgg_features
from kerasgan.zoo._card import card_score

LEVEL = 0.95
BLOCKS = 10


def score_generator(generate, data="mnist", num_images=10_000, seed=1, conditional=False):
    """Scores a generator of 28x28 images against the 10,000 test images of a data set, with its classifier.

    - "recognizability": the share of generated images with a top probability above the level that 95 % of the real
      test images reach.
    - "frechet_distance": on the 128 features of the classifier, between real test images and generated images. The
      floor is the distance between the test images and as many training images as were generated.
    - "smallest_class_share", "largest_class_share": of the classes predicted by the classifier.
    - "label_accuracy", if the model is conditional: the share of images in the requested class.

    The Fréchet distance is larger for fewer images, so compare only scores with the same `num_images`.

    Args:
        generate: callable, `generate(num_images, seed=seed)` to images (n, 28, 28, 1) in [-1, 1], such as
            `model.generate`. If `conditional`, `generate(num_images, labels=labels, seed=seed)`.
        data: "mnist" or "fashion_mnist".
        num_images: int, default 10,000, the number of test images.
        seed: int, the seed of the generated images.
        conditional: bool. True generates the classes in turn. Default False.

    Returns:
        list of scores in the format of a card, see `card_score`. "sd" is the standard error of sampling `num_images`.

    Raises:
        ValueError: if the images have another shape or range.

    Example:

    >>> import kerasgan
    >>> from kerasgan import zoo
    >>> model = kerasgan.DCGAN(image_size=28, channels=1)
    >>> scores = zoo.score_generator(model.generate, "mnist", num_images=100)  # doctest: +SKIP
    """
    labels = np.arange(num_images, dtype="int32") % 10
    images = np.asarray(generate(num_images, seed=seed, **({"labels": labels} if conditional else {})))
    if images.shape != (num_images, 28, 28, 1):
        raise ValueError(f"`generate` must return the shape {(num_images, 28, 28, 1)}. Received: {images.shape}")
    real_features, real_probabilities = _real(data, "test")
    features, probabilities = _read(data, images)
    recognized = recognizability(real_probabilities, probabilities, LEVEL)

    def stamped(metric, value, sd, extractor, **settings):
        return Score(
            float(value),
            metric,
            extractor=extractor.name,
            weights_hash=extractor.weights_hash,
            resize=extractor.resize,
            num_real=len(real_features),
            num_generated=num_images,
            image_size="28x28",
            dataset=data,
            split="test",
            seed=seed,
            sd=float(sd),
            settings=settings,
        )

    def share(metric, value, **settings):
        return stamped(metric, value, np.sqrt(value * (1 - value) / num_images), _judges(data)[1], **settings)

    distance = frechet_distance_from_features(real_features, features)
    scores = [
        card_score(share("recognizability", recognized.share, level=LEVEL), floor=LEVEL),
        card_score(
            stamped("frechet_distance", distance, _standard_error(real_features, features), _judges(data)[0]),
            floor=frechet_distance_from_features(real_features, _real(data, f"train[:{num_images}]")[0]),
        ),
        card_score(share("smallest_class_share", recognized.class_shares.min()), table=False),
        card_score(share("largest_class_share", recognized.class_shares.max()), table=False),
    ]
    if conditional:
        hits = probabilities.argmax(axis=-1) == labels
        real_hits = real_probabilities.argmax(axis=-1) == _real_labels(data)
        scores.append(card_score(share("label_accuracy", hits.mean()), floor=real_hits.mean()))
    return scores


def score_translations(fake, real, other, data, paired, seed=None, extractor="efficientnet_lite0", split="test"):
    """Scores translations, or other generated images, against real images.

    - "l1" and "ssim", if `paired`: means over the images, each compared with its target.
    - "frechet_distance" and "kernel_distance" of all images. With few images, the first is biased upwards, but the
      second is not, so compare only Fréchet distances with the same number of images.

    Args:
        fake: float array (n, height, width, 3) in [-1, 1], the translations.
        real: float array of the same shape, held-out images of the target domain. If `paired`, the targets in order.
        other: float array in [-1, 1], as many training images of the target domain, for the floor.
        data: str, the data set.
        paired: bool.
        seed: int or None, the seed of the translations.
        extractor: see `kerasgan.metrics.get_extractor`. Default "efficientnet_lite0", from the extra `natural`.
        split: str, the split of `real`. Default "test".

    Returns:
        list of scores in the format of a card, see `card_score`.

    Example:

    >>> from kerasgan import zoo
    >>> images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype("float32")
    >>> scores = zoo.score_translations(
    ...     images, images, images, "shoes2bags", paired=True, extractor=lambda x: x[:, 0, 0]
    ... )
    >>> [(score["metric"], round(score["value"], 3)) for score in scores][:3]
    [('l1', 0.0), ('ssim', 1.0), ('frechet_distance', 0.0)]
    """
    about = {"dataset": data, "split": split}
    scores = []
    if paired:
        for metric, name in ((l1, "l1"), (ssim, "ssim")):
            values = metric(real, fake).numpy()
            stamp = about | {"num_real": len(real), "num_generated": len(fake), "seed": seed}
            stamp |= {"image_size": size_in_words({fake.shape[1:3]})}
            sd = float(values.std() / np.sqrt(len(values)))
            scores.append(card_score(Score(float(values.mean()), name, sd=sd, **stamp)))
    found = score_images(real, fake, ("fd", "kd"), extractor=extractor, seed=seed, **about)
    floors = score_images(real, other, ("fd", "kd"), extractor=extractor, **about)
    return scores + [card_score(found[name], floor=floors[name]) for name in found]


def score_segmentation(fake, real, labels, segmenter, num_classes, void=None, **about):
    """Scores images generated from label maps with a segmentation network, and the real photos for comparison.

    Scores are "mean_iou", "pixel_accuracy" and "class_accuracy" of `kerasgan.metrics.segmentation_scores`.

    Args:
        fake: float array (n, height, width, channels) in [-1, 1], generated from `labels`.
        real: float array of the same shape, the photos of these labels, for the floor.
        labels: int array (n, height, width).
        segmenter: `keras.Model`, images -> logits (n, height, width, num_classes), trained on other photos, for example
            by `kerasgan.metrics.train_segmenter`.
        num_classes: int.
        void: int, the class of pixels that are ignored. Default None.
        **about: fields of `kerasgan.metrics.Score`, such as `dataset` and `split`.

    Returns:
        list of scores in the format of a card, see `card_score`.
    """
    read = [segmenter.predict(images, batch_size=4, verbose=0).argmax(axis=-1) for images in (fake, real)]
    of_fake, of_real = (segmentation_scores(labels, found, num_classes, void) for found in read)
    stamp = about | {"num_real": len(real), "num_generated": len(fake), "image_size": size_in_words({fake.shape[1:3]})}
    stamp |= {"extractor": segmenter.name, "weights_hash": weights_hash(segmenter)}
    names = ("mean_iou", "pixel_accuracy", "class_accuracy")
    return [card_score(Score(getattr(of_fake, n), n, **stamp), floor=getattr(of_real, n)) for n in names]


def score_enlargements(upscale, folders, published=None, features="vgg16_33", scale=4):
    """Scores super-resolution against bicubic interpolation, as in the literature.

    Photos are cut to a multiple of `scale`, shrunk as by MATLAB's imresize, and enlarged again. Scores are means over
    the photos of each folder:

    - "<set>_psnr" and "<set>_ssim", of the luma without a border of `scale` pixels, after rounding to 256 levels;
    - "<set>_perceptual", `kerasgan.metrics.perceptual_distance` of the colour images in `features`;
    - the same scores of bicubic interpolation, with the suffix "_bicubic".

    Args:
        upscale: callable, images (1, height, width, 3) in [-1, 1] to images `scale` times as large.
        folders: list of paths. The name of a folder is the name of the set.
        published: dict, the values in the paper by the names above. Default none.
        features: as in `perceptual_distance`, or a name for `kerasgan.networks.vgg_features`. Default "vgg16_33", from
            the extra `natural`.
        scale: int, default 4.

    Returns:
        list of scores in the format of a card, see `card_score`. "sd" is the standard error of the mean over photos.

    Example:

    >>> from kerasgan import zoo
    >>> zoo.score_enlargements(model.upscale, ["superres/Set5", "superres/Set14"])  # doctest: +SKIP
    """
    name = features if isinstance(features, str) else "features"
    features = vgg_features(features) if isinstance(features, str) else features
    of_features = Extractor(features, name=name).protocol | {"settings": {"scale": scale}}
    of_luma = {"settings": {"scale": scale, "channel": "y", "border": scale}}

    scores = []
    for folder in map(Path, folders):
        photos = list(super_resolution(folder, scale=scale, crop=None, shuffle=False).as_numpy_iterator())
        for suffix, enlarge in (("", upscale), ("_bicubic", lambda low: bicubic_resize(low, scale))):
            values = {"psnr": [], "ssim": [], "perceptual": []}
            for low, high in photos:
                large = np.rint((np.clip(enlarge(low), -1, 1) + 1) * 127.5) / np.float32(127.5) - 1
                values["psnr"].append(psnr(high, large, channel="y", border=scale))
                values["ssim"].append(ssim(high, large, channel="y", border=scale))
                values["perceptual"].append(perceptual_distance(high, large, features))
            for metric, each in values.items():
                each, full = np.concatenate(each), f"{folder.name.lower()}_{metric}{suffix}"
                score = Score(
                    float(each.mean()),
                    full,
                    num_real=len(each),
                    num_generated=len(each),
                    dataset=folder.name,
                    sd=float(each.std() / np.sqrt(len(each))),
                    **(of_features if metric == "perceptual" else of_luma),
                )
                scores.append(card_score(score, paper=(published or {}).get(full), table=metric == "psnr"))
    return scores


@functools.cache
def _judges(data):
    return get_extractor(data), get_classifier(data)


def _read(data, images):
    """Returns features (n, 128) and probabilities (n, 10)."""
    return tuple(extract_features(images, judge, batch_size=500) for judge in _judges(data))


@functools.cache
def _real(data, split):
    return _read(data, load_data(data, split, batch_size=500, shuffle=False))


@functools.cache
def _real_labels(data):
    batches = load_data(data, "test", labels=True, batch_size=1000, shuffle=False).as_numpy_iterator()
    return np.concatenate([labels for _, labels in batches])


def _standard_error(real, fake):
    """Returns the standard error of the Fréchet distance over draws of `fake`, by a jackknife over tenths."""
    # Contiguous blocks, as classes are generated in turn and each block must contain all of them.
    blocks = np.arange(len(fake)) * BLOCKS // len(fake)
    left = [frechet_distance_from_features(real, fake[blocks != block]) for block in range(BLOCKS)]
    return np.sqrt((BLOCKS - 1) * np.var(left))
