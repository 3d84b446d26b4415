"""The page in the browser: what it is told of a model, its random numbers, and the page itself in a real browser."""

import base64
import functools
import http.server
import io
import json
import pathlib
import shutil
import subprocess
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from click import testing
from PIL import Image, ImageDraw

import kerasgan
import kerasgan_cli
from kerasgan import playground

FILES = pathlib.Path(playground.__file__).parent


def roles(model, **options):
    return [(about["name"], about["role"]) for about in playground.describe(model, **options)["inputs"]]


def test_the_page_is_told_what_each_input_means():
    dcgan = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=5)
    about = playground.describe(dcgan, title="Digits", seed=4)
    assert about.pop("directions")["of"] == "latents"
    assert about == {
        "title": "Digits",
        "channels": 1,
        "seed": 4,
        "output": "images",
        "kind": "noise",
        "inputs": [{"name": "latents", "role": "latents", "size": 5, "prior": "normal"}],
    }
    cgan = kerasgan.ConditionalGAN(
        image_size=16, num_classes={"letter": 3, "color": 2}, attributes={"slant": 1}, width=2, networks="conv"
    )
    names = {"letter": ["A", "B", "C"]}
    inputs = {x["name"]: x for x in playground.describe(cgan, class_names=names)["inputs"]}
    assert [inputs[name]["role"] for name in ("latents", "letter", "color", "slant")] == [
        "latents",
        "label",
        "label",
        "attribute",
    ]
    assert inputs["letter"]["names"] == ["A", "B", "C"] and inputs["color"]["names"] == ["0", "1"]
    assert (inputs["letter"]["value"], inputs["color"]["value"], inputs["slant"]["values"]) == (0, 0, [0])
    opened = {
        x["name"]: x for x in playground.describe(cgan, labels={"letter": 2, "color": 1, "slant": -0.5})["inputs"]
    }
    assert (opened["letter"]["value"], opened["color"]["value"], opened["slant"]["values"]) == (2, 1, [-0.5])
    with pytest.raises(ValueError, match="`class_names` must name 3 classes of 'letter'. Received: 1"):
        playground.describe(cgan, class_names={"letter": ["A"]})
    with pytest.raises(ValueError, match="`letter` must be"):
        playground.describe(cgan, labels={"letter": 3, "color": 1, "slant": 0.0})


def numbers_of(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_directions_are_as_long_as_a_standard_deviation():
    """Of the latents' prior, or of w along them: uniform numbers on [-1, 1) vary by the root of a third."""
    for prior, spread in (("normal", 1), ("uniform", 3**-0.5)):
        model = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=5, prior=prior)
        found = np.stack([numbers_of(text) for text in playground.describe(model)["directions"]["vectors"]])
        np.testing.assert_allclose(found, spread * kerasgan.latent.directions(model, 3), rtol=1e-5)
    style = kerasgan.StyleGAN2(image_size=16, latent_dim=6, style_dim=8, channel_base=128, num_classes=3)
    about = playground.describe(style)
    assert [x["role"] for x in about["inputs"]] == ["latents", "label", "truncation", "shift"]
    assert about["inputs"][2]["value"] == 0.7 and about["directions"]["of"] == "shift"
    found = np.stack([numbers_of(text) for text in about["directions"]["vectors"]])
    lengths = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(found / lengths[:, None], kerasgan.latent.directions(style, 3), atol=1e-5)
    w = style.map(style.sample_latents(5000, seed=8), (np.arange(5000, dtype="int32") % 3,))
    np.testing.assert_allclose((w @ found.T).std(axis=0) / lengths, lengths, rtol=0.1)


def test_a_model_whose_latents_meet_no_weights_first_has_no_directions():
    inputs = keras.Input((4,), name="latents")
    x = keras.layers.Reshape((16, 16, 1))(keras.layers.Dense(256)(keras.layers.BatchNormalization()(inputs)))
    model = kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=2, generator=keras.Model(inputs, x))
    about = playground.describe(model)
    assert about["directions"] is None and about["inputs"][0]["role"] == "latents"


@pytest.mark.parametrize("width", [0.5, 1, 2, 3, 5])
def test_the_pen_is_as_wide_as_the_lines_of_the_example(width):
    """Lines drawn at eight times the size, so that also those of half a pixel are known."""
    large = Image.new("L", (1024, 1024), 255)
    pen = ImageDraw.Draw(large)
    pen.ellipse((200, 200, 800, 700), outline=0, width=int(8 * width))
    pen.line((100, 100, 900, 300), fill=0, width=int(8 * width))
    drawing = np.asarray(large.resize((128, 128), Image.Resampling.BOX))[..., None].repeat(3, axis=2)
    for picture, ground in ((drawing, "#ffffff"), (255 - drawing, "#000000")):
        found = playground._pen(picture)
        assert found["ground"] == ground and abs(found["pen"] - width) <= 0.5 * (width > 2), found
    photo = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype="uint8")
    assert playground._pen(photo)["pen"] == 2  # a 64th of the side


def test_the_example_lies_on_the_canvas():
    model = kerasgan.Pix2Pix(image_size=32, width=2, receptive_field=16)
    drawn = playground.describe(model)["example"]
    assert drawn.shape == (32, 32, 3) and set(np.unique(drawn)) == {0, 255} and 0.8 < (drawn == 255).mean() < 0.99
    photo = np.random.default_rng(0).uniform(-1, 1, (40, 48, 3)).astype("float32")
    about = playground.describe(model, example=photo)
    np.testing.assert_array_equal(about["example"], np.rint((photo + 1) * 127.5))
    assert about["inputs"][0]["height"] == 32  # the page cuts the photo to the size that the network takes
    with pytest.raises(ValueError, match=r"`example` must be float32 images of shape \(batch, height, width, 3\)"):
        playground.describe(model, example=photo[..., :1])
    enlarger = kerasgan.SRGAN(image_size=32, width=2, blocks=1)
    assert playground.describe(enlarger, example=photo[:24])["inputs"][0]["height"] == 24
    assert playground.describe(enlarger)["inputs"][0]["height"] == 48


def test_films_and_views_are_not_for_a_page():
    for model in (
        kerasgan.Vid2Vid(32, num_classes=3, width=4, blocks=2, scales=1, receptive_field=16),
        kerasgan.TwoStreamGenerator(image_size=32, num_classes=3, width=16, units=8),
    ):
        with pytest.raises(ValueError, match=f"must be one that draws images.*Received: {type(model).__name__}"):
            playground.describe(model)


def test_what_the_page_cannot_use_is_refused():
    dcgan = kerasgan.DCGAN(image_size=16, channels=1, width=2)
    for name, value in (("class_names", ["cat"]), ("texts", ["hello"]), ("example", np.zeros((16, 16, 1)))):
        with pytest.raises(ValueError, match=f"`{name}` must not be given for a DCGAN, .*`{name}`"):
            playground.describe(dcgan, **{name: value})
    cgan = kerasgan.ConditionalGAN(image_size=16, num_classes={"letter": 3, "color": 2}, width=2, networks="conv")
    with pytest.raises(ValueError, match="must have the label sets.*Received: \\['shape'\\]"):
        playground.describe(cgan, class_names={"shape": ["A", "B", "C"]})


def test_a_model_of_texts_offers_texts_as_vectors():
    words = kerasgan.text.BagOfWords(["blue", "red"])
    model = kerasgan.GANCLS(image_size=16, text_dim=2, width=2, encoder=words)
    choices = next(x for x in playground.describe(model, texts=["red", "red blue"])["inputs"] if x["role"] == "text")
    assert [choice["text"] for choice in choices["choices"]] == ["red", "red blue"]
    vectors = [np.frombuffer(base64.b64decode(choice["vector"]), "<f4").tolist() for choice in choices["choices"]]
    assert vectors == [[0, 1], [1, 1]]
    with pytest.raises(ValueError, match="needs `texts`"):
        playground.describe(model)


def test_models_of_images():
    pix2pix = kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16)
    about = playground.describe(pix2pix)
    assert [x["role"] for x in about["inputs"]] == ["image", "noise"] and about["kind"] == "image"
    assert about["inputs"][1]["prior"] == "uniform" and about["inputs"][1]["stream"] == 0
    cyclegan = kerasgan.CycleGAN(image_size=16, width=2, blocks=1, receptive_field=16)
    about = playground.describe(cyclegan)
    expected = {"name": "images", "role": "image", "height": 16, "width": 16, "channels": 3}
    assert about["inputs"] == [expected | {"ground": "#ffffff", "pen": 1.0}] and about["directions"] is None
    assert about["output"] == "output_images"


def test_models_of_label_maps():
    options = {"width": 2, "blocks": 1, "downsamplings": 2, "scales": 1, "receptive_field": 16}
    model = kerasgan.Pix2PixHD((16, 24), num_classes=3, **options)
    labels, instances = playground.describe(model, class_names=["sky", "road", "car"])["inputs"]
    colors = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    expected = {"role": "labels", "height": 16, "width": 24, "names": ["sky", "road", "car"], "colors": colors}
    expected["pen"] = 2  # an eighth of the shorter side
    assert labels == {"name": "labels"} | expected and instances == {"name": "instances", "role": "instances"}
    with pytest.raises(ValueError, match="`class_names` must name 3 classes. Received: 1"):
        playground.describe(model, class_names=["sky"])
    drawn = playground.describe(model)["example"]
    assert {tuple(color) for color in drawn.reshape(-1, 3).tolist()} == set(map(tuple, colors))  # every class
    given = np.arange(16 * 24, dtype="int32").reshape(16, 24) % 3
    np.testing.assert_array_equal(playground.describe(model, example=given)["example"], np.array(colors)[given])
    with pytest.raises(ValueError, match="`example` must be"):
        playground.describe(model, example=given + 1)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_page_draws_tensorflows_random_numbers(tmp_path):
    shutil.copy(FILES / "random.js", tmp_path / "random.mjs")
    (tmp_path / "draw.mjs").write_text(
        'import { draw } from "./random.mjs";\n'
        "console.log(JSON.stringify(JSON.parse(process.argv[2]).map((asked) => draw(...asked))));"
    )
    asked = [["normal", 101, 5, 0], ["normal", 4, 2**31 - 1, 2], ["uniform", 7, 123456789, 0]]
    command = ["node", tmp_path / "draw.mjs", json.dumps(asked)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for (prior, size, seed, stream), numbers in zip(asked, found, strict=True):
        function = tf.random.stateless_normal if prior == "normal" else tf.random.stateless_uniform
        span = {} if prior == "normal" else {"minval": -1.0, "maxval": 1.0}
        expected = function((1, size), seed=[seed, stream], alg="philox", **span)[0]
        np.testing.assert_allclose(numbers, expected, atol=2e-6)


def test_nothing_is_overwritten_and_the_runtime_is_checked(tmp_path):
    model = kerasgan.DCGAN(image_size=16, channels=1, width=2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="`folder` must be new or empty"):
        playground.write(model, tmp_path / "mine")
    (tmp_path / "dist").mkdir()
    with pytest.raises(FileNotFoundError, match="ort.wasm.min.mjs is missing. Remedy: unpack the npm package"):
        playground.write(model, tmp_path / "page", runtime=tmp_path / "dist")
    (tmp_path / "dist" / "ort.wasm.min.mjs").write_text("other")
    with pytest.raises(ValueError, match="must have the SHA-256 219e"):
        playground.write(model, tmp_path / "page", runtime=tmp_path / "dist")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dist", "mine"]


@pytest.fixture
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    try:
        playground._runtime(None)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def serve():
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    def start(folder):
        handler = functools.partial(Quiet, directory=folder)
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def open_page(browser, serve):
    """Opens pages, and holds in the end that they complained of nothing and asked nobody but their own folder."""
    complaints, requests, own = [], [], ["data:", "blob:"]

    def start(folder):
        url = f"{serve(folder.parent)}{folder.name}/"  # in a folder of its server, as a page among others is
        own.append(url)
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(url)
        wait_until(page, "document.getElementById('status').textContent.startsWith('Ready')")
        return page

    yield start
    assert complaints == []
    assert [url for url in requests if url.endswith("model.onnx")]
    assert [url for url in requests if not url.startswith(tuple(own))] == []


def picture(page):
    url = page.evaluate("document.getElementById('output').toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")).astype(int)


def wait_until(page, expression):
    """Polls from here: the page's own policy forbids what Playwright would evaluate in it."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise TimeoutError(f"{expression} did not become true; status: {page.text_content('#status')}")


def act(page, action):
    """Does something on the page and waits for the picture that follows."""
    before = page.evaluate("Number(document.getElementById('output').dataset.runs || 0)")
    action()
    wait_until(page, f"Number(document.getElementById('output').dataset.runs || 0) > {before}")
    return picture(page)


NAMELESS = """
[...document.querySelectorAll("button, input, select, canvas[tabindex]")].filter((it) => {
    if (!it.checkVisibility()) return false;
    const labels = [...(it.labels ?? [])].map((label) => label.querySelector("span") ?? label);
    const heading = it.closest("section")?.querySelector("h2");
    const names = it.tagName === "BUTTON" ? [it] : it.tagName === "CANVAS" ? [heading] : labels;
    return !names.some((name) => name.checkVisibility() && /[A-Za-z0-9]/.test(name.innerText));
}).map((it) => it.id || it.outerHTML)
"""


def assert_labelled(page):
    """Every control shows its name: a label, a button's text, a canvas's heading. Nothing is wider than the page."""
    assert page.evaluate(NAMELESS) == []
    hidden = "document.querySelector('label[for=seed]').hidden = {}"
    page.evaluate(hidden.format("true"))
    assert page.evaluate(NAMELESS) == ["seed"]
    page.evaluate(hidden.format("false"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_a_page_of_styles_in_a_browser(tmp_path, open_page):
    """Truncation and directions move w as they do in Python; a phone shows picture and controls at once."""
    pytest.importorskip("tf2onnx")
    model = kerasgan.StyleGAN2(image_size=16, latent_dim=8, style_dim=8, channel_base=128, num_classes=3, seed=0)
    page = open_page(playground.write(model, tmp_path / "page", seed=5, labels=2))
    vectors = np.stack([numbers_of(text) for text in playground.describe(model)["directions"]["vectors"]])
    w = model.map(model.sample_latents(1, seed=5), (np.array([2], "int32"),))

    def expected(truncation, amounts=(0, 0, 0)):
        moved = model.truncate(w, truncation) + (np.array(amounts, "float32") @ vectors)
        return np.rint((model.synthesize(moved)[0] + 1) * 127.5)

    np.testing.assert_allclose(expected(0.7), np.rint((model.generate(1, 5, 2, truncation=0.7)[0] + 1) * 127.5), atol=1)
    assert np.abs(picture(page) - expected(0.7)).max() <= 2
    assert np.abs(act(page, lambda: page.fill("#psi", "1")) - expected(1)).max() <= 2
    moved = act(page, lambda: page.fill("#direction-1", "-1.5"))
    assert np.abs(moved - expected(1, (0, -1.5, 0))).max() <= 2 and np.abs(moved - expected(1)).max() > 10
    page.click("#save")
    straight = act(page, lambda: page.click("#straight"))
    assert np.abs(straight - expected(1)).max() <= 2 and page.input_value("#direction-1") == "0"
    page.click("#save")
    assert np.abs(act(page, lambda: page.fill("#share", "0.5")) - expected(1, (0, -0.75, 0))).max() <= 2
    for width in (1200, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert_labelled(page)
    page.locator("#next").scroll_into_view_if_needed()
    box = page.locator("#output").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] < 844 / 2
    page.screenshot(path=tmp_path / "phone.png")


@pytest.mark.slow
def test_the_page_in_a_browser(tmp_path, open_page):
    pytest.importorskip("tf2onnx")
    model = kerasgan.ConditionalGAN(
        image_size=16, channels=1, num_classes=3, latent_dim=6, width=4, networks="conv", seed=0
    )
    for weight in model.generator.trainable_variables:  # untrained, every image is grey
        weight.assign(12 * weight)
    page_folder = playground.write(model, tmp_path / "page", title="<b>Letters</b>", class_names=["A", "B", "C"])
    page = open_page(page_folder)
    assert page.text_content("#title") == "<b>Letters</b>"  # shown as text

    def expected(seed, label):
        image = model.generate(1, seed=seed, labels=label)[0]
        return np.rint((image + 1) * 127.5).astype(int)

    assert np.abs(picture(page) - expected(1, 0)).max() <= 2
    seven = act(page, lambda: page.fill("#seed", "7"))
    assert np.abs(seven - expected(7, 0)).max() <= 2
    other = act(page, lambda: page.select_option("#condition-labels", "2"))
    assert np.abs(other - expected(7, 2)).max() <= 2

    latents = model.sample_latents(1, seed=7)
    latents[0, 1] = -0.75
    slid = act(page, lambda: page.locator("#bars input").nth(1).fill("-0.75"))
    assert np.abs(slid - np.rint((kerasgan.latent.decode(model, latents, 2)[0] + 1) * 127.5)).max() <= 2
    assert np.abs(slid - other).max() > 2
    direction = numbers_of(playground.describe(model)["directions"]["vectors"][2])
    along = act(page, lambda: page.fill("#direction-2", "2"))
    reached = np.clip(latents + 2 * direction, -1, 1)  # uniform latents have an end
    along_expected = kerasgan.latent.decode(model, reached, 2)[0]
    assert np.abs(along - np.rint((along_expected + 1) * 127.5)).max() <= 2 and np.abs(along - slid).max() > 2
    act(page, lambda: page.click("#straight"))
    act(page, lambda: page.fill("#seed", "8"))
    assert np.abs(act(page, lambda: page.fill("#seed", "7")) - other).max() <= 2

    pad = page.locator("#pad")
    box = pad.bounding_box()

    def drag():
        page.mouse.move(box["x"] + 110, box["y"] + 110)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 40, steps=3)
        page.mouse.up()

    dragged = act(page, drag)
    assert np.abs(dragged - other).max() > 2
    page.click("#save")
    pad.focus()
    stepped = act(page, lambda: page.keyboard.press("Shift+ArrowLeft"))
    assert np.abs(stepped - dragged).max() > 2
    page.click("#save")
    ends = [act(page, lambda share=share: page.fill("#share", share)) for share in ("1", "0")]
    assert np.abs(ends[0] - stepped).max() <= 2 and np.abs(ends[1] - dragged).max() <= 2
    page.select_option("#minus", "1")
    page.select_option("#also", "1")
    assert np.abs(act(page, lambda: page.click("#calculate")) - dragged).max() <= 2  # a - b + b

    # Without a pointer: Tab goes to every control, and what it stands on answers to keys.
    page.locator("body").focus()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.parentElement.className"))
    controls = {"seed", "random", "condition-labels", "pad", "turn", "next", "save", "share", "calculate", "download"}
    assert controls <= reached
    before = picture(page)
    page.locator("#turn").focus()
    assert np.abs(act(page, lambda: page.keyboard.press("Enter")) - before).max() <= 2  # the middle stays
    page.locator("#bars input").first.focus()
    assert np.abs(act(page, lambda: page.keyboard.press("Home")) - before).max() > 2
    assert_labelled(page)
    page.screenshot(path=tmp_path / "page.png", full_page=True)


@pytest.mark.slow
def test_drawing_in_a_browser(tmp_path, open_page):
    pytest.importorskip("tf2onnx")
    model = kerasgan.Pix2Pix(image_size=32, width=4, receptive_field=16, seed=0)
    example = np.ones((32, 32, 3), "float32")
    example[8:20, 10], example[20, 4:28] = -1, -1
    page = open_page(playground.write(model, tmp_path / "page", seed=3, example=example))
    translated = np.rint((model.translate(example[None], seed=3)[0] + 1) * 127.5)
    assert np.abs(picture(page) - translated).max() <= 2  # at once
    assert page.input_value("#thickness") == "1" and page.text_content("#pixels") == "1 px"
    white = np.ones((1, 32, 32, 3), "float32")
    blank = np.rint((model.translate(white, seed=3)[0] + 1) * 127.5)
    assert np.abs(act(page, lambda: page.click("#clear")) - blank).max() <= 2
    assert np.abs(act(page, lambda: page.click("#example")) - translated).max() <= 2
    assert np.abs(translated - blank).max() > 2
    act(page, lambda: page.click("#clear"))
    assert_labelled(page)
    box = page.locator("#input").bounding_box()

    def line():
        page.mouse.move(box["x"] + 40, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 180, steps=4)
        page.mouse.up()

    drawn = act(page, line)
    assert np.abs(drawn - blank).max() > 2
    page.screenshot(path=tmp_path / "page.png", full_page=True)

    def is_blank():
        return page.evaluate(
            "document.getElementById('input').getContext('2d').getImageData(0, 0, 32, 32).data.every((v) => v === 255)"
        )

    assert not is_blank()
    assert np.abs(act(page, lambda: page.click("#clear")) - blank).max() <= 2 and is_blank()
    page.locator("#input").focus()
    page.keyboard.press("Shift+ArrowUp")  # moves the pen alone
    assert is_blank()
    act(page, lambda: page.keyboard.press("ArrowLeft"))
    assert not is_blank()

    # A picture of the model's size, loaded, goes in as it is.
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype="uint8")
    Image.fromarray(photo).save(tmp_path / "photo.png")
    loaded = act(page, lambda: page.set_input_files("#file", tmp_path / "photo.png"))
    expected = np.rint((model.translate(photo[None] / np.float32(127.5) - 1, seed=3)[0] + 1) * 127.5)
    assert np.abs(loaded - expected).max() <= 2
    # What is no picture is told of, and the last one stays.
    (tmp_path / "notes.txt").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.txt")
    wait_until(page, "document.getElementById('status').classList.contains('error')")
    assert "notes.txt could not be read" in page.text_content("#status")
    assert np.abs(picture(page) - loaded).max() == 0


@pytest.mark.slow
def test_painting_label_maps_in_a_browser(tmp_path, open_page):
    """A stroke is a class; what touches is one instance. A picture in the colours of the classes goes in exactly."""
    pytest.importorskip("tf2onnx")
    options = {"width": 4, "blocks": 1, "downsamplings": 2, "scales": 1, "receptive_field": 16, "seed": 0}
    model = kerasgan.Pix2PixHD((32, 48), num_classes=9, **options)
    page = open_page(playground.write(model, tmp_path / "page"))

    def expected(labels, instances):
        return np.rint((model.translate(labels[None], instances[None])[0] + 1) * 127.5)

    act(page, lambda: page.click("#clear"))
    # An empty map is not compared: its features are constant, and a normalisation of these divides rounding by about 0.
    page.select_option("#brush", "8")
    page.fill("#thickness", "8")
    box = page.locator("#input").bounding_box()

    def line():
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()

    drawn = act(page, line)
    pixels = "[...document.getElementById('input').getContext('2d').getImageData(0, 0, 48, 32).data]"
    seen = np.array(page.evaluate(pixels)).reshape(32, 48, 4)[..., :3]
    painted = (seen == (64, 0, 0)).all(axis=-1).astype("int32")  # the colour of class 8
    assert 8 * 10 < painted.sum() < 8 * 24 and (seen[painted == 0] == 0).all()
    assert np.abs(drawn - expected(8 * painted, painted)).max() <= 2
    page.screenshot(path=tmp_path / "page.png", full_page=True)

    labels = np.zeros((32, 48), "int32")
    labels[4:12, 4:12], labels[4:12, 30:40], labels[20:] = 2, 2, 5
    colors = kerasgan.plots.color_labels(labels[None])[0]
    Image.fromarray(np.rint((colors + 1) * 127.5).astype("uint8")).save(tmp_path / "map.png")
    loaded = act(page, lambda: page.set_input_files("#file", tmp_path / "map.png"))
    instances = labels.copy()
    instances[4:12, 30:40] = 7  # the two squares do not touch
    assert np.abs(loaded - expected(labels, instances)).max() <= 2
    assert np.abs(expected(labels, instances) - expected(labels, 0 * labels)).max() > 2


@pytest.mark.slow
def test_a_small_picture_becomes_a_large_one_in_a_browser(tmp_path, open_page):
    pytest.importorskip("tf2onnx")
    model = kerasgan.SRGAN(image_size=32, width=4, blocks=1, seed=0)
    page = open_page(playground.write(model, tmp_path / "page"))
    photo = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype="uint8")
    Image.fromarray(photo).save(tmp_path / "photo.png")
    loaded = act(page, lambda: page.set_input_files("#file", tmp_path / "photo.png"))
    expected = np.rint((model.upscale(photo[None] / np.float32(127.5) - 1)[0] + 1) * 127.5)
    assert loaded.shape == (192, 192, 3) and expected.std() > 5
    assert np.abs(loaded - expected).max() <= 2


@pytest.mark.slow
def test_texts_in_a_browser(tmp_path, open_page):
    pytest.importorskip("tf2onnx")
    words = kerasgan.text.BagOfWords(["blue", "red", "square"])
    model = kerasgan.GANCLS(image_size=16, text_dim=3, latent_dim=4, width=4, encoder=words, seed=0)
    for weight in model.generator.trainable_variables:
        weight.assign(6 * weight)
    page = open_page(playground.write(model, tmp_path / "page", texts=["red", "blue square"]))
    for choice, text in (("0", "red"), ("1", "blue square")):
        if choice != "0":
            act(page, lambda choice=choice: page.select_option("#condition-text", choice))
        expected = np.rint((model.generate(text, 1, seed=1)[0] + 1) * 127.5)
        assert np.abs(picture(page) - expected).max() <= 2
    assert np.abs(expected - np.rint((model.generate("red", 1, seed=1)[0] + 1) * 127.5)).max() > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cgan_mnist", "pix2pix_facades"])
def test_models_of_the_zoo_in_a_browser(name, tmp_path, open_page):
    pytest.importorskip("tf2onnx")
    model = kerasgan.zoo.load(name)
    done = testing.CliRunner().invoke(kerasgan_cli.main, ["playground", name, "--out", str(tmp_path / "page")])
    assert done.exit_code == 0, done.output
    page = open_page(tmp_path / "page")
    recorded = kerasgan.zoo.sample(name)[1][0]  # which the page opens with
    assert np.abs(picture(page) - np.rint((recorded + 1) * 127.5)).max() <= 2
    if name == "cgan_mnist":
        found = act(page, lambda: page.select_option("#condition-labels", "4"))
        expected = model.generate(1, seed=1, labels=4)[0]
    else:
        side = model.image_size
        edges = np.full((side, side, 3), 255, "uint8")
        edges[side // 3 : side // 2, side // 4 : 3 * side // 4] = 0
        Image.fromarray(edges).save(tmp_path / "edges.png")
        found = act(page, lambda: page.set_input_files("#file", tmp_path / "edges.png"))
        expected = model.translate(edges[None] / np.float32(127.5) - 1, seed=1)[0]
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert np.abs(found - np.rint((expected + 1) * 127.5)).max() <= 2
