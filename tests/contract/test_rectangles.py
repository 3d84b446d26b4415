"""Every model at a size that is no square, with a number of channels that is neither that of grey nor of RGB."""

import numpy as np
import pytest
import tensorflow as tf
from cases import eye

import kerasgan
from kerasgan import shapes

HIGH, WIDE, DEEP = 24, 16, 2
SIZE = (HIGH, WIDE)


def images(channels=DEEP, scale=1, count=4):
    shape = (count, int(HIGH // scale), int(WIDE // scale), channels)
    return np.random.default_rng(channels).uniform(-1, 1, shape).astype("float32")


LABELS = np.arange(4, dtype="int32") % 3
LABEL_MAPS = np.random.default_rng(0).integers(0, 3, (4, HIGH, WIDE)).astype("int32")
TEXTS = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
SMALL = {"image_size": SIZE, "channels": DEEP, "width": 2, "latent_dim": 4}
OF_TEXTS = SMALL | {"text_dim": 5}


def two_stages():
    stage1 = kerasgan.StackGANStage1(**OF_TEXTS, condition_dim=3)
    return kerasgan.StackGANStage2(stage1, image_size=(2 * HIGH, 2 * WIDE), width=2, condition_dim=3, blocks=1)


def small(cls, **options):
    return lambda: cls(**SMALL | options)


# By name: how the model is made, what it trains on, and how it samples.
CASES = {
    "GAN": (lambda: kerasgan.GAN(SIZE, DEEP, latent_dim=4), images(), "noise"),
    "DCGAN": (small(kerasgan.DCGAN), images(), "noise"),
    "LSGAN": (small(kerasgan.LSGAN), images(), "noise"),
    "WGAN": (small(kerasgan.WGAN), images(), "noise"),
    "WGANGP": (small(kerasgan.WGANGP), images(), "noise"),
    "SNGAN": (small(kerasgan.SNGAN), images(), "noise"),
    "R3GAN": (small(kerasgan.R3GAN, width=4, blocks=1, wide_until=4, group_width=4), images(), "noise"),
    "ConditionalGAN": (
        lambda: kerasgan.ConditionalGAN(SIZE, DEEP, num_classes=3, latent_dim=4),
        (images(), LABELS),
        "noise",
    ),
    "ConditionalGAN of convolutions": (
        small(kerasgan.ConditionalGAN, num_classes=3, networks="conv"),
        (images(), LABELS),
        "noise",
    ),
    "ACGAN": (small(kerasgan.ACGAN, num_classes=3, width=6), (images(), LABELS), "noise"),
    "SAGAN": (small(kerasgan.SAGAN, num_classes=3), (images(), LABELS), "noise"),
    "BigGAN": (small(kerasgan.BigGAN, num_classes=3, latent_dim=6, shared_dim=3), (images(), LABELS), "noise"),
    "GANCLS": (lambda: kerasgan.GANCLS(**OF_TEXTS), (images(), TEXTS), "text"),
    "GANCLS by projection": (lambda: kerasgan.GANCLS(**OF_TEXTS, matching="projection"), (images(), TEXTS), "text"),
    "StackGANStage1": (lambda: kerasgan.StackGANStage1(**OF_TEXTS, condition_dim=3), (images(), TEXTS), "text"),
    "StackGANStage2": (two_stages, (images(scale=1 / 2), TEXTS), "text"),
    "StyleGAN": (lambda: kerasgan.StyleGAN(SIZE, DEEP, latent_dim=4, style_dim=4, channel_max=4), images(), "noise"),
    "StyleGAN2": (lambda: kerasgan.StyleGAN2(SIZE, DEEP, latent_dim=4, style_dim=4, channel_max=4), images(), "noise"),
    "SemiSupervisedGAN": (
        lambda: kerasgan.SemiSupervisedGAN(SIZE, DEEP, num_classes=3, latent_dim=4),
        ((images(), LABELS), images()),
        "noise",
    ),
    "ProjectedGAN": (
        small(kerasgan.ProjectedGAN, features=eye(DEEP), projection_width=2),
        images(),
        "noise",
    ),
    "Pix2Pix": (
        lambda: kerasgan.Pix2Pix(SIZE, DEEP, 1, width=2, receptive_field=16),
        (images(1), images()),
        "image",
    ),
    "Pix2PixHD": (
        lambda: kerasgan.Pix2PixHD(
            SIZE, DEEP, 3, instances=False, width=2, blocks=1, downsamplings=2, scales=2, receptive_field=16
        ),
        (LABEL_MAPS, images()),
        "image",
    ),
    "CycleGAN": (
        lambda: kerasgan.CycleGAN(SIZE, DEEP, 1, width=2, blocks=1, receptive_field=16, pool_size=2),
        (images(1), images()),
        "image",
    ),
    "SRGAN": (lambda: kerasgan.SRGAN(SIZE, DEEP, scale=2, width=2, blocks=1), (images(scale=2), images()), "image"),
    "DomainTransferNetwork": (
        lambda: kerasgan.DomainTransferNetwork(SIZE, 1, 3, width=4),
        (images(3), images(1)),
        "image",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_model_trains_and_samples_at_a_rectangle(case):
    make, data, task = CASES[case]
    model = make()
    model.compile(run_eagerly=True, augment="diffaugment", d_steps=1)
    history = model.fit(data, batch_size=4, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    sample = {
        "noise": lambda: model.generate(3, seed=0),
        "text": lambda: model.generate(TEXTS[:3], seed=0),
        "image": lambda: model.translate(data[0][:3]),
    }[task]()
    assert sample.shape == (3, *shapes.as_size(model.image_size), model.channels)
    assert model.preview(model.first_batch, num_images=12).shape[2:4] == sample.shape[1:3]
    clone = type(model).from_config(model.get_config())
    for name in model.network_names:
        assert [v.shape for v in getattr(clone, name).weights] == [v.shape for v in getattr(model, name).weights]
    with pytest.raises(ValueError, match=r"The size is \d+x\d+, not \d+x\d+"):
        model.check_batch(tf.nest.map_structure(lambda x: x[:, :, :-1] if x.ndim == 4 else x, data))


MASKS = (images(1) > 0).astype("float32")
VECTORS = np.random.default_rng(0).normal(size=(4, 12)).astype("float32")
VIEWS = (LABELS, VECTORS[:, :4], VECTORS), ((images() + 1) * MASKS - 1, MASKS)
RNG = np.random.default_rng(0)
FILMS = (RNG.integers(0, 3, (4, 9, *SIZE)), RNG.uniform(-1, 1, (4, 9, *SIZE, DEEP)), RNG.normal(size=(4, 9, *SIZE, 2)))
FILMS = tuple(x.astype(kind) for x, kind in zip(FILMS, ("int32", "float32", "float32")))
OTHERS = {
    "Vid2Vid": (
        lambda: kerasgan.Vid2Vid(SIZE, DEEP, 3, width=2, blocks=2, downsamplings=1, scales=1, receptive_field=16),
        FILMS,
        {"augment": "diffaugment"},
    ),
    "Autoencoder": (lambda: kerasgan.Autoencoder(SIZE, DEEP, code=3), images(), {}),
    "Autoencoder of convolutions": (
        lambda: kerasgan.Autoencoder(SIZE, DEEP, code=3, networks="conv", width=2),
        images(),
        {},
    ),
    "Autoencoder with remembered places": (
        lambda: kerasgan.Autoencoder(SIZE, DEEP, code=3, networks="pooling", width=2),
        images(),
        {},
    ),
    "DANN": (lambda: kerasgan.DANN(SIZE, DEEP, num_classes=3), ((images(), LABELS), images()), {}),
    "PixelDA": (lambda: kerasgan.PixelDA(SIZE, DEEP, num_classes=3), ((images(), LABELS), images()), {}),
    "TwoStreamGenerator": (
        lambda: kerasgan.TwoStreamGenerator(SIZE, DEEP, num_classes=3, width=6, units=4),
        VIEWS,
        {},
    ),
    "ADDA": (lambda: kerasgan.ADDA(SIZE, DEEP, num_classes=3), ((images(), LABELS), images()), {"phase": "source"}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_models_of_other_data_train_at_a_rectangle(case):
    make, data, options = OTHERS[case]
    model = make()
    model.compile(run_eagerly=True, **options)
    history = model.fit(data, batch_size=4, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert model.preview(model.first_batch, num_images=12).shape[2:4] == SIZE
    with pytest.raises(ValueError, match=r"The size is 24x15, not 24x16"):
        model.check_batch(
            tf.nest.map_structure(lambda x: x[..., :-1, :] if x.dtype == "float32" and x.ndim >= 4 else x, data)
        )


def test_every_paper_is_tried():
    tried = {name.split(" ")[0] for name in CASES | OTHERS}
    shared = {"AdversarialModel", "ResumableModel", "StackGAN"}
    assert tried == {name for name, value in vars(kerasgan.models).items() if isinstance(value, type)} - shared
