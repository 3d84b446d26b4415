"""StyleGAN2 on faces of CelebA, 32 pixels.

Paper:     Karras, Laine, Aittala et al. (2020), Analyzing and Improving the Image Quality of StyleGAN
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.stylegan2_celeba.recipe runs
Expected:  faces that look like small photographs at first glance
Time:      80 minutes on one core of an AMD EPYC, beside other work

The networks have 32 channels next to the image. gamma, the rate and the half-life of the average follow the rule of
thumb in the authors' code. The model is trained on the first 8,000 images. As these are few, real and generated images
are randomly mirrored and adaptively augmented before the discriminator, without the geometric part.
"""

import sys

import keras

import kerasgan
from kerasgan.zoo import recipes, score_translations
from kerasgan.zoo.dcgan_celeba import recipe as faces

DATA = "celeba64"
SEED = 0
EPOCHS = 30
NUM_TRAIN = faces.NUM_TRAIN
SIZE = 32
BATCH_SIZE = 16
PRECISION = "mixed_bfloat16"
ABOUT = {
    "description": "StyleGAN2 on faces of CelebA, 32 pixels. For non-commercial research only, as the data are.",
    "paper": {
        "title": "Analyzing and Improving the Image Quality of StyleGAN",
        "authors": "Karras, Laine, Aittala, Hellsten, Lehtinen, Aila",
        "year": 2020,
        "url": "https://arxiv.org/abs/1912.04958",
    },
    "data": DATA,
    "headline": "frechet_distance",
    "picture": "Random faces, not selected, drawn with truncation 0.7 and enlarged twice. The scores are for faces "
    "without truncation.",
}
NETWORKS = ["generator"]


def model():
    """Returns the compiled model."""
    model = kerasgan.StyleGAN2(
        image_size=SIZE, latent_dim=256, style_dim=256, mapping_layers=2, channel_base=1024, channel_max=256, seed=SEED
    )
    model.compile(
        g_optimizer=kerasgan.optimizers.lazy_adam(0.0025, every=4),
        d_optimizer=kerasgan.optimizers.lazy_adam(0.0025, every=16),
        penalty=[
            kerasgan.penalties.R1(0.0002 * SIZE**2 / BATCH_SIZE, every=16),
            kerasgan.penalties.PathLength(every=4),
        ],
        augment=[
            keras.layers.RandomFlip("horizontal", seed=SEED),
            kerasgan.augment.AugmentPipe("blit,color", ramp=200_000),
        ],
        ema_decay=kerasgan.schedules.HalfLife(5_000, BATCH_SIZE, ramp=0.05),
        steps_per_execution=5,
    )
    return model


def dataset(batch_size=BATCH_SIZE, shuffle=True, num_images=NUM_TRAIN):
    """Returns the first faces."""
    return faces.dataset(batch_size, shuffle, num_images, SIZE)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the distances of generated faces from the 1,000 held-out ones."""
    images = next(dataset(9_000, shuffle=False, num_images=None).as_numpy_iterator())
    unseen = images[NUM_TRAIN:]
    fake = model.generate(len(unseen), seed=1)
    return score_translations(fake, unseen, images[: len(unseen)], DATA, paired=False, seed=1)


def pictures(model):
    """Returns the faces of the picture."""
    return model.generate(40, seed=0, truncation=0.7).repeat(2, axis=1).repeat(2, axis=2)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
