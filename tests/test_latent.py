import inspect
import re

import keras
import numpy as np
import pytest
import scipy.stats
from PIL import Image

import kerasgan
from kerasgan import latent, plots


def test_lerp_by_hand():
    np.testing.assert_array_equal(latent.lerp([0, 2], [4, 0], 0.25), np.float32([1, 1.5]))
    points = latent.lerp(np.zeros((3, 2)), np.ones((3, 2)), [0, 0.5, 1])
    assert points.shape == (3, 3, 2) and points.dtype == np.float32
    np.testing.assert_array_equal(points[1], np.full((3, 2), 0.5))


def test_slerp_by_hand():
    # A third of a right angle is 30 degrees; lengths 1 and 4 give 2 there.
    np.testing.assert_allclose(latent.slerp([1, 0], [0, 4], 1 / 3), [np.sqrt(3), 1], rtol=1e-6)
    np.testing.assert_allclose(latent.slerp([1, 0], [0, 4], [0, 1]), [[1, 0], [0, 4]], atol=1e-7)
    # Of one direction the arc is the straight line.
    np.testing.assert_allclose(latent.slerp([1, 1], [3, 3], 0.5), [2, 2], rtol=1e-6)


def test_slerp_keeps_the_length_of_latents_where_lerp_does_not():
    start, end = np.random.default_rng(0).normal(size=(2, 400, 100))
    half = {way: np.linalg.norm(way(start, end, 0.5), axis=-1) for way in (latent.slerp, latent.lerp)}
    assert half[latent.slerp].mean() == pytest.approx(10, abs=0.1)  # sqrt(100)
    assert half[latent.lerp].mean() == pytest.approx(np.sqrt(50), abs=0.1)
    assert np.linalg.norm(start, axis=-1).std() == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize(
    ("start", "end", "t", "message"),
    [
        ([0, 0], [1, 0], 0.5, "a point at 0"),
        ([1, 0], [-2, 0], 0.5, "opposite.*lerp"),
        ([1, 0], [1, 0, 0], 0.5, r"the same shape.*\(2,\) and \(3,\)"),
        ([1, 0], [0, 1], [[0.5]], "row of floats"),
    ],
)
def test_slerp_refuses(start, end, t, message):
    with pytest.raises(ValueError, match=message):
        latent.slerp(start, end, t)


def test_a_plane_has_the_corners_at_its_corners():
    corners = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    grid = latent.plane(corners, rows=3, columns=4)
    assert grid.shape == (3, 4, 5)
    np.testing.assert_allclose(grid[[0, 0, -1, -1], [0, -1, 0, -1]], corners, rtol=1e-5)
    np.testing.assert_allclose(grid[1, 0], latent.slerp(corners[0], corners[2], 0.5), rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(4, latent_dim\)"):
        latent.plane(corners[:3])


def test_a_walk_passes_through_its_points_and_closes():
    points = np.eye(3, dtype="float32")
    path = latent.walk(points, steps=4)
    assert path.shape == (12, 3)
    np.testing.assert_allclose(path[[0, 4, 8]], points, atol=1e-6)
    steps = np.linalg.norm(np.roll(path, -1, axis=0) - path, axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-5)  # the last step, to the first point, is like the others
    straight = latent.walk(points, steps=4, loop=False)
    assert straight.shape == (9, 3)
    np.testing.assert_allclose(straight[-1], points[-1])
    there = np.float32([[1, 0], [0, 1], [-1, 0]])  # the first and the last are opposite, but no leg joins them
    np.testing.assert_allclose(latent.walk(there, steps=1, loop=False), there)
    with pytest.raises(ValueError, match="at least 2"):
        latent.walk(points[:1])


def test_group_means_and_arithmetic():
    latents = np.array([[1.0, 0], [3, 0], [0, 2], [0, 4], [5, 5]])
    means = latent.group_means(latents, ["a", "a", "b", "b", "c"])
    assert list(means) == ["a", "b", "c"]
    np.testing.assert_array_equal([*means.values()], [[2, 0], [0, 3], [5, 5]])
    by_attribute = latent.group_means(latents, latents[:, 0] > 0)
    np.testing.assert_array_equal(by_attribute[False], [0, 3])
    np.testing.assert_array_equal(latent.arithmetic([means["a"], means["c"]], [means["b"]]), [7, 2])
    np.testing.assert_allclose(
        latent.arithmetic([means["a"]], [means["b"]], length=13.0), np.sqrt(13) * np.array([2, -3])
    )
    with pytest.raises(ValueError, match=r"\(n,\)"):
        latent.group_means(latents, ["a"])
    with pytest.raises(ValueError, match="cancel"):
        latent.arithmetic([means["a"]], [means["a"]], length=1.0)


def test_truncation_gives_the_truncated_distribution():
    latents = np.random.default_rng(0).normal(size=(200, 100))
    moved = latent.truncate(latents, 0.7)
    expected = scipy.stats.truncnorm.ppf(scipy.stats.norm.cdf(latents), -0.7, 0.7)
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert scipy.stats.kstest(moved.ravel(), scipy.stats.truncnorm(-0.7, 0.7).cdf).pvalue > 0.01
    np.testing.assert_allclose(latent.truncate(latents, 8.0), latents, atol=1e-5)
    np.testing.assert_array_equal(latent.truncate(latents, 0), np.zeros(latents.shape))
    np.testing.assert_allclose(latent.truncate([40.0, -40.0], 0.5), [0.5, -0.5])
    np.testing.assert_allclose(latent.truncate([-1.0, 0.5], 0.5, prior="uniform"), [-0.5, 0.25])
    for arguments, message in (((latents, -1), "at least 0"), ((latents, 1, "cauchy"), "'normal' or 'uniform'")):
        with pytest.raises(ValueError, match=message):
            latent.truncate(*arguments)


def test_neighbours_are_those_of_a_plain_search():
    rng = np.random.default_rng(0)
    training, images = (rng.uniform(-1, 1, (count, 4, 4, 1)).astype("float32") for count in (50, 6))
    images[2] = training[17]
    found = latent.nearest_neighbours(images, training, k=3, batch_size=7)
    distances = np.linalg.norm((images[:, None] - training[None]).reshape((6, 50, -1)), axis=-1)
    order = np.argsort(distances, axis=1)[:, :3]
    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_allclose(found.distances, np.take_along_axis(distances, order, axis=1), atol=1e-6)
    np.testing.assert_array_equal(found.images, training[order])
    assert found.indices[2, 0] == 17 and found.distances[2, 0] == 0
    assert found.ratios[2] == 0 and (np.delete(found.ratios, 2) > 0.7).all()


def test_neighbours_by_features_and_from_a_dataset():
    # By brightness alone the nearest image is another one than by pixels.
    training = np.stack([np.full((2, 2, 1), 0.1), [[[1.0], [1.0]], [[-1.0], [-0.5]]]]).astype("float32")
    image = np.float32([[[[1.0], [1.0]], [[-1.0], [-0.6]]]])
    dataset = kerasgan.data.from_arrays((training, np.arange(2)), batch_size=1, shuffle=False)
    assert latent.nearest_neighbours(image, dataset, k=1).indices.tolist() == [[1]]
    mean = latent.nearest_neighbours(image, dataset, k=1, extractor=lambda images: images)  # averaged over the pixels
    assert mean.indices.tolist() == [[0]]
    with pytest.raises(ValueError, match="at least k = 3 images. Received: 2"):
        latent.nearest_neighbours(image, dataset, k=3)


def linear_model(prior):
    """Its four pixels are half of its four latents."""
    generator = keras.Sequential(
        [keras.Input((4,), name="latents"), keras.layers.Rescaling(0.5), keras.layers.Reshape((2, 2, 1))]
    )
    return kerasgan.GAN(image_size=2, channels=1, latent_dim=4, prior=prior, generator=generator)


@pytest.mark.parametrize("prior", ["uniform", "normal"])
def test_projection_finds_the_latents_of_an_image(prior):
    model = linear_model(prior)
    latents = model.sample_latents(3, seed=7)
    found = latent.project(model, model.decode(latents), steps=250, starts=2, prior_weight=0.0)
    np.testing.assert_allclose(found.latents, latents, atol=1e-3)
    np.testing.assert_allclose(found.images, model.decode(latents), atol=1e-3)
    assert found.errors.shape == (3,) and found.errors.max() < 1e-6


def test_projection_under_the_prior_by_hand():
    # Half of the mean of (z/2 - x)^2 + w z^2 over z: z = (x/2) / (1/4 + w).
    image = np.full((1, 2, 2, 1), 0.4, "float32")
    found = latent.project(linear_model("normal"), image, steps=500, prior_weight=0.25)
    np.testing.assert_allclose(found.latents, np.full((1, 4), 0.4), atol=1e-3)
    np.testing.assert_allclose(found.errors, [0.04], atol=1e-3)


def test_projection_of_uniform_latents_stays_in_the_cube():
    found = latent.project(linear_model("uniform"), np.ones((1, 2, 2, 1), "float32"), steps=100)
    np.testing.assert_allclose(found.latents, np.ones((1, 4)), atol=1e-6)
    np.testing.assert_allclose(found.errors, [0.25], atol=1e-6)


def test_projection_by_features_ignores_what_they_do_not_see():
    image = np.float32([[[[0.3], [0.9]], [[0.9], [0.9]]]])
    found = latent.project(linear_model("normal"), image, 300, prior_weight=0.0, features=lambda x: x[:, :1, :1])
    assert found.latents[0, 0] == pytest.approx(0.6, abs=1e-3)
    assert found.errors[0] > 0.05


def test_projection_moves_latents_whose_gradients_are_too_small_for_float16():
    # Each pixel is z, in float16. A difference of 2^-14 in all 4,096 pixels has a gradient of 2^-25 in each, below
    # the least number of float16.
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs = keras.Input((1,))
        pixels = keras.layers.UpSampling2D(64)(keras.layers.Reshape((1, 1, 1))(inputs))
        model = kerasgan.GAN(64, 1, latent_dim=1, generator=keras.Model(inputs, pixels), prior="normal")
    finally:
        keras.config.set_dtype_policy("float32")
    start = model.sample_latents(1, 0)
    image = np.float32(model.decode(start)) + 2.0**-14
    found = latent.project(model, image, steps=1, starts=1, learning_rate=0.5, prior_weight=0.0)
    assert (found.latents - start).item() == pytest.approx(0.5, rel=0.1)


def test_projection_refuses_images_of_another_size():
    with pytest.raises(ValueError, match="2x2"):
        latent.project(linear_model("normal"), np.zeros((1, 4, 4, 1), "float32"))


def test_decode_is_what_the_models_themselves_draw():
    plain = kerasgan.GAN(image_size=4, latent_dim=4, seed=0)
    latents = latent.of_seeds(plain, [5, 6])
    np.testing.assert_array_equal(latents[0], plain.sample_latents(2, seed=5)[0])
    np.testing.assert_allclose(latent.decode(plain, latents[None])[0, 1], plain.generate(1, seed=6)[0], atol=1e-6)

    labelled = kerasgan.ConditionalGAN(image_size=4, latent_dim=4, num_classes={"letter": 3}, attributes={"slant": 1})
    wanted = {"letter": [0, 2], "slant": [-1.0, 1.0]}
    latents = labelled.sample_latents(2, seed=1)
    drawn = latent.decode(labelled, latents, wanted)
    np.testing.assert_allclose(drawn, labelled.generate(labels=wanted, seed=1), atol=1e-6)
    one = latent.decode(labelled, latents, {"letter": 2, "slant": 1.0})
    np.testing.assert_allclose(one[1], drawn[1], atol=1e-6)

    text = kerasgan.GANCLS(image_size=16, channels=1, latent_dim=4, text_dim=5, width=2)
    drawn = latent.decode(text, text.sample_latents(2, seed=1), np.ones(5))
    np.testing.assert_allclose(drawn, text.generate(np.ones(5), 2, seed=1), atol=1e-6)


def test_decode_refuses():
    plain = kerasgan.GAN(image_size=4, latent_dim=4)
    labelled = kerasgan.ConditionalGAN(image_size=8, latent_dim=4, num_classes=3)
    translator = kerasgan.CycleGAN(image_size=8, channels=1, width=2, blocks=1, receptive_field=1)
    for model, condition, message in (
        (plain, 1, "`condition` must be None for GAN. Received: 1"),
        (labelled, None, r"`condition` must give \['labels'\]"),
        (labelled, 3, "3"),
        (translator, None, "draw images from latents. Received: CycleGAN"),
    ):
        with pytest.raises(ValueError, match=message):
            latent.decode(model, np.zeros((2, 4)), condition)
    with pytest.raises(ValueError, match=r"\(\.\.\., 4\)"):
        latent.decode(plain, np.zeros((2, 5)))


TOOLS = [name for name in latent.__all__ if inspect.isfunction(getattr(latent, name))]


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_has_the_picture_that_its_docstring_names(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=4)
    latents = latent.of_seeds(model, [1, 2, 3, 4])
    images = latent.decode(model, latents)
    styled = kerasgan.StyleGAN2(16, 1, latent_dim=4, style_dim=4, channel_max=4)
    w = styled.map(latents)
    t = [0, 0.5, 1]
    # Of each tool what it returns, and how many images its picture shows.
    it, count = {
        "lerp": lambda: (latent.lerp(latents[0], latents[1], t), 3),
        "slerp": lambda: (latent.slerp(latents[0], latents[1], t), 3),
        "decode": lambda: (images, 4),
        "of_seeds": lambda: (latents, 4),
        "plane": lambda: (latent.plane(latents, rows=2, columns=3), 6),
        "walk": lambda: (latent.walk(latents[:2], steps=3), 6),
        "group_means": lambda: (latent.group_means(latents, ["a", "b", "b", "b"]), 2),
        "arithmetic": lambda: (latent.arithmetic(latents[:2], latents[2:3]), 4),
        "truncate": lambda: (latent.truncate(latents, 1.0), 8),
        "nearest_neighbours": lambda: (latent.nearest_neighbours(images[:2], images, k=3), 8),
        "directions": lambda: (latent.directions(model, count=2), 14),
        "mixing_grid": lambda: (latent.mixing_grid(styled, w[:2], w[2:], [0, 1]), 9),
        "project_to_styles": lambda: (latent.project_to_styles(styled, images[:2], steps=1), 4),
        "project": lambda: (latent.project(model, images[:2], steps=1, starts=1), 4),
        "invert": lambda: (latent.invert(model.discriminator, images[:2], restarts=2, stages=[(1e-5, 1)]), 4),
    }[tool]()
    (line,) = re.findall(r"To (?:plot|write)[^`]*: `(plots\..*?)`", " ".join(getattr(latent, tool).__doc__.split()))
    names = {"plots": plots, "decode": latent.decode, "truncate": latent.truncate, "np": np, "model": model}
    names |= {"plus": latents[:2], "minus": latents[2:3], "latents": latents, "rows": [0.5, 1.0]}
    drawn = eval(line, names | {"it": it, "found": it, "images": images[:2]})  # noqa: S307
    if tool == "walk":
        with Image.open(tmp_path / "walk.gif") as film:
            assert film.n_frames == count and film.size == (16, 16)
    elif isinstance(drawn, np.ndarray):
        assert drawn.dtype == np.uint8 and drawn.size >= count * 16 * 16
    else:
        assert len(drawn.axes) == count


def test_images_that_are_not_in_range_are_refused():
    """Integers and values that are not finite, wherever latents or neighbours of images are looked for."""
    model = kerasgan.DCGAN(image_size=16, width=2, latent_dim=4)
    styles = kerasgan.StyleGAN2(image_size=16, latent_dim=4, style_dim=4, channel_base=32)
    good = np.zeros((2, 16, 16, 3), "float32")
    for bad in (np.full(good.shape, 200, "uint8"), np.full(good.shape, np.nan, "float32")):
        for search in (
            lambda images: latent.project(model, images, steps=1, starts=1),
            lambda images: latent.project_to_styles(styles, images, steps=1),
            lambda images: latent.nearest_neighbours(images, good, k=1),
            lambda images: latent.nearest_neighbours(good, images, k=1),
            lambda images: latent.nearest_neighbours(good, [(images, 0)], k=1),
        ):
            with pytest.raises(ValueError, match="uint8|not finite|NaN"):
                search(bad)


def test_a_single_latent_is_not_a_list_of_latents():
    pair = [[1.0, 2.0], [3.0, 4.0]]
    assert latent.arithmetic(pair, [[1.0, 1.0]]).tolist() == [3.0, 5.0]
    assert latent.arithmetic(pair).tolist() == [4.0, 6.0] == latent.arithmetic(pair, np.zeros((0, 2))).tolist()
    for terms in ((pair, [1.0, 1.0]), ([1.0, 2.0],), ([],), (pair, [[1.0]])):
        with pytest.raises(ValueError, match=r"must be a list of latents, \(n, latent_dim\). Received: shape"):
            latent.arithmetic(*terms)
