import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.data import chairs, turntable, view_vectors


def small(**options):
    return kerasgan.TwoStreamGenerator(image_size=16, num_classes=3, width=16, units=8, seed=0, **options)


def test_layers_and_weights_are_the_papers():
    network = kerasgan.TwoStreamGenerator().generator
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert sorted(layer.units for layer in dense) == [512] * 6 + [1024] * 2 + [16_384]
    assert [(layer.filters, layer.kernel_size) for layer in convolutions] == [
        (filters, (5, 5)) for filters in (256, 92, 48, 3, 1)
    ]
    assert [tuple(layer.output.shape[1:3]) for layer in convolutions] == [(16, 16), (32, 32), (64, 64)] + [
        (128, 128)
    ] * 2
    assert sum(layer.count_params() for layer in dense) == 20_628_992
    assert sum(layer.count_params() for layer in convolutions) == 2_342_800
    assert network.count_params() == 22_971_792


def test_training_is_the_papers():
    model = small()
    model.compile()
    optimizer = model.optimizer
    found = [float(x) for x in (optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)]
    assert found == pytest.approx([5e-4, 0.9, 0.999, 1e-6], rel=1e-6) and model.mask_weight == 0.1


def test_equation_1_by_hand():
    model = small()
    model.compile(mask_weight=0.5)
    images, masks = np.full((2, 1, 2, 1), -1.0, "float32"), np.zeros((2, 1, 2, 1), "float32")
    images[0, 0, 0], masks[0, 0, 0] = 0.6, 1.0
    drawn = {"image": np.full((2, 1, 2, 1), -0.8, "float32"), "mask": np.full((2, 1, 2, 1), 0.5, "float32")}
    logs = model.losses_of(drawn, images, masks)
    # Of [0, 1]: 0.8 - 0.1 once, 0 - 0.1 three times; masks differ by a half four times. Two images.
    assert float(logs["image_loss"]) == pytest.approx((0.49 + 3 * 0.01) / 2, rel=1e-5)
    assert float(logs["mask_loss"]) == pytest.approx(4 * 0.25 / 2)
    assert float(logs["loss"]) == pytest.approx((0.52 + 0.5 * 1.0) / 2, rel=1e-5)


def test_classes_may_be_shares_and_give_morphs():
    model = small()
    views = view_vectors([0.0, 90.0], 20.0)
    by_number = model.generate([0, 2], views)
    rows = np.eye(3, dtype="float32")[[0, 2]]
    np.testing.assert_allclose(model.generate(rows, views), by_number, atol=1e-6)
    half = model.generate(np.float32([[0.5, 0, 0.5]]), views[:1])
    assert half.shape == (1, 16, 16, 3) and np.abs(half - by_number[:1]).max() > 1e-4
    masks = model.masks([0, 2], views, np.ones((2, 12)))
    assert masks.shape == (2, 16, 16, 1) and 0 <= masks.min() <= masks.max() <= 1
    assert np.abs(masks - model.masks([0, 2], views)).max() > 1e-5


@pytest.mark.slow
def test_views_that_were_left_out_are_drawn_better_than_copied():
    """A view that was left out is nearer to what is drawn than to the nearest view of the training."""
    options = {"image_size": 16, "num_chairs": 2, "elevations": [20.0]}
    options |= {"batch_size": 24, "shuffle": False}
    train, left_out = (kerasgan.data.load("chairs", azimuths=range(start, 360, 30), **options) for start in (0, 15))
    model = kerasgan.TwoStreamGenerator(16, num_classes=2, width=48, units=32, seed=0)
    model.compile(kerasgan.optimizers.Adam(2e-3), steps_per_execution=100)
    history = model.fit(train.repeat(), steps_per_epoch=300, epochs=2, verbose=0).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    (classes, views, _), (images, _) = next(iter(left_out))
    drawn = np.square(model.generate(classes, views) - images).mean()
    _, (known, _) = next(iter(train))  # in the order of the views: each is 15 degrees from the one left out
    copied = np.square(known - images).mean()
    assert drawn < copied, (drawn, copied)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda known, seen: (*known, *seen), "expected batches of `..classes, views, transforms., .images, masks..`"),
        (lambda known, seen: (known[:2], seen), "expected batches of"),
        (lambda known, seen: ((known[0] + 1, *known[1:]), seen), "`classes`.*num_classes=4"),
        (lambda known, seen: ((known[0], known[1][:, :3], known[2]), seen), "`views`"),
        (lambda known, seen: ((known[0], known[1], known[2][:, :3]), seen), "`transforms`"),
        (lambda known, seen: (known, (seen[0], seen[1] * 255)), r"`masks` must lie in \[0, 1\].*to 255"),
        (lambda known, seen: (known, (seen[0], seen[1][..., :0])), "`masks`"),
        (lambda known, seen: (known, (seen[0], 0 * seen[1])), "must be black, -1, where `masks` are 0.*Remedy"),
        (lambda known, seen: ((known[0][:2], *known[1:]), seen), r"same length.*\[2, 3, 3, 3, 3\]"),
    ],
)
def test_bad_batches_are_refused(spoil, message):
    rng = np.random.default_rng(0)
    masks = np.ones((3, 16, 16, 1), "float32")
    known = np.arange(3), rng.normal(size=(3, 4)).astype("float32"), rng.normal(size=(3, 12)).astype("float32")
    seen = rng.uniform(-1, 1, (3, 16, 16, 3)).astype("float32"), masks
    model = small()
    model.check_batch((known, seen))
    with pytest.raises(ValueError, match=message):
        model.check_batch(spoil(known, seen))


def test_what_cannot_be_drawn_is_refused():
    model = small()
    for arguments, message in (
        (([3], view_vectors(0)), "`classes`"),
        (([0], view_vectors([0, 1])), "1, 2 and 1"),
        (([0], np.zeros((1, 3))), "`views`"),
        ((np.zeros((1, 4)), view_vectors(0)), "`classes`"),
    ):
        with pytest.raises(ValueError, match=message):
            model.generate(*arguments)
    with pytest.raises(ValueError, match="`mask_weight`"):
        model.compile(mask_weight=-1)


def test_export_gives_images_and_masks(tmp_path):
    model = small()
    model.compile()
    served = kerasgan.export.load(model.export(tmp_path / "served"))["serving_default"]
    views = view_vectors([0.0, 90.0])
    answer = served(classes=tf.constant([0, 2]), views=tf.constant(views), transforms=tf.zeros((2, 12), tf.float32))
    np.testing.assert_allclose(answer["images"], model.generate([0, 2], views), atol=1e-5)
    np.testing.assert_allclose(np.clip(answer["masks"], 0, 1), model.masks([0, 2], views), atol=1e-5)


# The data ------------------------------------------------------------------------------------------------------------


def test_view_vectors_by_hand():
    half = np.sqrt(0.5)
    np.testing.assert_allclose(view_vectors([0, 45], 90), [[0, 1, 1, 0], [half, half, 1, 0]], atol=1e-6)


BOX = {"width": 0.8, "depth": 0.4, "seat": 0.6, "thickness": 0.5, "leg": 0.4, "back": 1e-9, "splay": 0.0}
BOX |= {"kind": "board", "color": np.array([1.0, 0.5, 0.25])}


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (90, 0), (0, 30), (90, 60)])
def test_a_box_covers_what_it_must(azimuth, elevation):
    """A chair that is a block of 0.8 x 0.4 x 0.6: its outline is a rectangle of known sides."""
    image, mask = chairs.render_chair(BOX, azimuth, elevation, 170)  # 100 pixels a unit
    wide, deep = (0.8, 0.4) if azimuth == 0 else (0.4, 0.8)
    high = 0.6 * np.cos(np.deg2rad(elevation)) + deep * np.sin(np.deg2rad(elevation))
    covered = np.argwhere(mask[..., 0] > 0.5)
    np.testing.assert_allclose(covered.max(0) - covered.min(0) + 1, [100 * high, 100 * wide], atol=1.5)
    assert mask.sum() == pytest.approx(1e4 * wide * high, rel=0.02)
    inside = mask[..., 0] == 1
    assert (image[~(mask[..., 0] > 0)] == 0).all() and (image[inside].min(-1) > 0).all()
    np.testing.assert_allclose(
        image[inside] / image[inside][:, :1], np.tile([1, 0.5, 0.25], (inside.sum(), 1)), rtol=1e-6
    )


def test_the_nearer_part_hides_the_other():
    """From the front the seat hides the foot of the back; from behind the back hides the seat."""
    measures = BOX | {"seat": 0.5, "thickness": 0.05, "leg": 0.05, "back": 0.5}
    front, behind = (chairs.render_chair(measures, azimuth, 40, 128)[0].sum(-1) for azimuth in (0, 180))
    shades = [len(np.unique(np.round(picture[picture > 0], 3))) for picture in (front, behind)]
    assert shades[0] >= 2 and np.abs(front - behind).max() > 0.1
    half_turn = chairs.render_chair(measures, 360, 40, 128)[0].sum(-1)
    np.testing.assert_allclose(half_turn, front, atol=0.2)


def test_chairs_are_a_dataset_of_known_views():
    dataset = kerasgan.data.load(
        "chairs", num_chairs=3, azimuths=[0, 120], elevations=[10], image_size=(16, 24), batch_size=6
    )
    (classes, views, amounts), (images, masks) = next(iter(dataset))
    assert dataset.num_classes == 3 and sorted(classes.numpy()) == [0, 0, 1, 1, 2, 2]
    assert images.shape == (6, 16, 24, 3) and masks.shape == (6, 16, 24, 1) and amounts.shape == (6, 12)
    assert not amounts.numpy().any() and (images.numpy()[np.broadcast_to(masks == 0, images.shape)] == -1).all()
    for number, view, image in zip(classes, views, images):
        azimuth = 120 if view[0] > 0.5 else 0
        np.testing.assert_allclose(view, view_vectors(azimuth, 10)[0], atol=1e-6)
        drawn = chairs.render_chair(chairs.chair(int(number)), azimuth, 10, (16, 24))[0]
        np.testing.assert_allclose(image, 2 * drawn - 1, atol=0.005)
    train, test = (
        kerasgan.data.load("chairs", split, num_chairs=1, image_size=4, batch_size=8) for split in ("train", "test")
    )
    assert train.num_images == test.num_images == 62
    for options, message in (
        ({"elevations": [90]}, "elevations in"),
        ({"split": "val"}, "`split`"),
        ({"labels": True}, "always has labels"),
        ({"channels": 2}, "`channels`"),
    ):
        with pytest.raises(ValueError, match=message):
            kerasgan.data.load("chairs", **options)


def blob(size=40):
    """A smooth spot of one colour, so that resampling changes little."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    mask = np.exp(-((x - 5) ** 2 + (y + 4) ** 2) / 30)[None, ..., None].astype("float32")
    return mask * np.float32([0.6, 0.3, 0.2]), mask


def centre(mask):
    y, x = np.mgrid[: mask.shape[1], : mask.shape[2]] - (mask.shape[1] - 1) / 2
    return np.array([(x * mask[0, ..., 0]).sum(), (y * mask[0, ..., 0]).sum()]) / mask.sum()


def changed(**amounts):
    row = [amounts.get(name, 0.0) for name in turntable.TRANSFORMS]
    return [np.asarray(x) for x in turntable.transform(*blob(), np.float32([row]))]


def test_transformations_move_by_their_amounts():
    images, masks = blob()
    np.testing.assert_allclose(changed()[0], images, atol=1e-5)
    np.testing.assert_allclose(changed()[1], masks, atol=1e-6)
    x, y = centre(masks)
    np.testing.assert_allclose(centre(changed(right=0.5)[1]), [x + 2, y], atol=0.05)  # of 40 pixels
    np.testing.assert_allclose(centre(changed(down=-0.5)[1]), [x, y - 2], atol=0.05)
    turn = np.deg2rad(15)  # against the clock, where y points down
    expected = [x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)]
    np.testing.assert_allclose(centre(changed(rotation=1)[1]), expected, atol=0.05)
    np.testing.assert_allclose(centre(changed(zoom=1)[1]), [1.2 * x, 1.2 * y], atol=0.1)
    assert changed(zoom=1)[1].sum() == pytest.approx(1.44 * masks.sum(), rel=0.02)
    wide = np.sqrt(1.15)
    np.testing.assert_allclose(centre(changed(stretch=1)[1]), [x * wide, y / wide], atol=0.05)


def test_transformations_colour_by_their_amounts():
    inside = np.s_[:, 15:17, 24:26]
    before = tf.image.rgb_to_hsv(blob()[0][inside]).numpy()

    def after(**amounts):
        images, masks = changed(**amounts)
        np.testing.assert_allclose(masks, blob()[1], atol=1e-6)
        return tf.image.rgb_to_hsv(images[inside]).numpy()

    assert before[..., 1].max() < 0.67 and before[..., 2].max() < 0.61  # nothing is clipped below
    bright = after(brightness=1, brightness_power=-1, brightness_shift=0.5)
    np.testing.assert_allclose(
        bright[..., 2], 1.3 * before[..., 2] ** (2 / 3) + 0.05 * blob()[1][inside][..., 0], atol=1e-4
    )
    np.testing.assert_allclose(bright[..., :2], before[..., :2], atol=1e-3)
    strong = after(saturation=-1, saturation_power=1, saturation_shift=-0.5, hue=1)
    np.testing.assert_allclose(strong[..., 0], before[..., 0] + 30 / 360, atol=1e-3)
    np.testing.assert_allclose(strong[..., 1], before[..., 1] ** 1.5 / 1.5 - 0.05, atol=1e-3)
    np.testing.assert_allclose(strong[..., 2], before[..., 2], atol=1e-4)
    # No summand lights the background, and results stay in [0, 1].
    extreme = changed(brightness=1, brightness_power=-1, brightness_shift=1, saturation=1, saturation_shift=1)[0]
    assert (extreme[0, -1, 0] < 1e-4).all() and 0 <= extreme.min() and extreme.max() <= 1


def test_transformations_brighten_grey_images():
    images, masks = (np.float32([[[[x]]]]) for x in (0.5, 1))
    amounts = np.zeros((1, 12), "float32")
    amounts[0, [list(turntable.TRANSFORMS).index(f"brightness{x}") for x in ("_power", "", "_shift")]] = 1, -1, 1
    found, _ = turntable.transform(images, masks, amounts)
    np.testing.assert_allclose(found, [[[[0.5**1.5 / 1.3 + 0.1]]]], rtol=1e-5)


@pytest.mark.parametrize("name", ["rotation", "right", "down", "zoom", "stretch"])
def test_a_transformation_and_its_inverse_give_the_image_back(name):
    row = np.zeros((1, 12), "float32")
    row[0, list(turntable.TRANSFORMS).index(name)] = 0.8
    there = turntable.transform(*blob(), row)
    back = turntable.transform(*(np.asarray(x) for x in there), -row)
    inside = np.s_[:, 8:-8, 8:-8]
    for found, expected in zip(back, blob()):
        # Each interpolation errs by up to an eighth of the second derivatives, which are 2 / 30 at the top of the spot.
        np.testing.assert_allclose(found[inside], expected[inside], atol=2 * (2 * 2 / 30) / 8)


def test_transformed_chairs_differ_in_each_epoch_and_keep_black_around():
    dataset = kerasgan.data.load("chairs", num_chairs=1, azimuths=[0], elevations=[20], transforms=True, batch_size=1)
    ((_, _, first), (images, masks)), ((_, _, second), _) = dataset.repeat(2)
    assert np.abs(first - second).max() > 0.1 and np.abs(first).max() <= 1
    assert (images.numpy()[np.broadcast_to(masks == 0, images.shape)] == -1).all() and masks.numpy().max() == 1


def turntable_of(folder, rows=None):
    from PIL import Image

    folder.mkdir()
    for name in "ab":
        picture = np.full((8, 8, 3), 20, "uint8")
        picture[2:6, 2:6] = (200, 100, 50)
        picture[3, 3] = 0  # a dark spot of the object itself
        Image.fromarray(picture).save(folder / f"{name}.png")
    both = [{"file_name": "a.png", "label": 1, "angle": 0}, {"file_name": "b.png", "label": 0, "angle": 90}]
    lines = rows or map(json.dumps, both)
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


def test_folders_of_turntables_give_masks_without_holes(tmp_path):
    dataset = kerasgan.data.turntable_folder(turntable_of(tmp_path / "x"), 8, batch_size=2, shuffle=False)
    (classes, views, amounts), (images, masks) = next(iter(dataset))
    assert dataset.num_classes == 2 and classes.numpy().tolist() == [1, 0] and amounts.shape == (2, 12)
    np.testing.assert_allclose(views, view_vectors([0, 90]), atol=1e-6)
    square = np.zeros((8, 8))
    square[2:6, 2:6] = 1
    np.testing.assert_array_equal(masks[0, ..., 0], square)
    assert images.numpy()[0, 0, 0].tolist() == [-1, -1, -1]
    one = kerasgan.data.turntable_folder(tmp_path / "x", 8, angles=[90], batch_size=1)
    assert one.num_images == 1 and one.num_classes == 2


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (['{"file_name": "a.png", "label": 1}'], {}, "`angle` in degrees. Received for 'a.png': label 1, angle None"),
        (['{"file_name": "a.png", "label": -1, "angle": 0}'], {}, "label -1"),
        (['{"file_name": "../a.png", "label": 1, "angle": 0}'], {}, "points outside"),
        (['{"file_name": "c.png", "label": 1, "angle": 0}'], {}, "c.png"),
        (None, {"angles": [45]}, r"`angles` must be among.*\[0.0, 90.0\].*Received: \[45.0\]"),
        (None, {"threshold": 1.5}, "`threshold` must be in"),
    ],
)
def test_bad_turntables_are_refused(tmp_path, rows, options, message):
    with pytest.raises(ValueError, match=message):
        kerasgan.data.turntable_folder(turntable_of(tmp_path / "x", rows), 8, **options)
