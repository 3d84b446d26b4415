"""Requests as TensorFlow Serving takes them, answered by a reference handler that knows TensorFlow alone.

The contract is https://www.tensorflow.org/tfx/serving/api_rest: POST /v1/models/NAME:predict with "inputs", by column,
or "instances", by row; answers are "outputs" or "predictions", without the name of an only output; errors have the
status 400 and an "error".
"""

import http.server
import json
import pathlib
import re
import shlex
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

import kerasgan

PAGE = pathlib.Path(__file__).parents[1] / "tutorials" / "serving.md"


class Reference(http.server.BaseHTTPRequestHandler):
    """Answers by the newest version in the folder of each model, `self.server.folder`."""

    def do_POST(self):
        try:
            status, answer = 200, self.predict(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        except (KeyError, ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            status, answer = 400, {"error": str(error)}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def predict(self, request):
        name = re.fullmatch(r"/v1/models/(\w+):predict", self.path)[1]
        newest = max((path for path in (self.server.folder / name).iterdir()), key=lambda path: int(path.name))
        served = tf.saved_model.load(str(newest))  # holds the variables of its signatures
        function = served.signatures[request.get("signature_name", "serving_default")]
        specs = function.structured_input_signature[1]
        columns, rows = request.get("inputs"), request.get("instances")
        if rows is not None:
            rows = rows if isinstance(rows[0], dict) else [{name: row} for row in rows for name in specs]
            columns = {name: [row[name] for row in rows] for name in rows[0]}
        outputs = function(**{name: tf.constant(value, specs[name].dtype) for name, value in columns.items()})
        (values,) = (value.numpy().tolist() for value in outputs.values())  # an only output has no name
        return {"outputs": values} if rows is None else {"predictions": values}

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """A server of the models that are exported to `server.folder`; `server.ask(path, request)` -> (status, answer)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Reference)
    server.folder = tmp_path / "served"

    def ask(name, request):
        url = f"http://127.0.0.1:{server.server_port}/v1/models/{name}:predict"
        try:
            with urllib.request.urlopen(url, json.dumps(request).encode()) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    server.ask = ask
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def close(found, images):
    np.testing.assert_allclose(np.array(found, "float32"), images, atol=1e-5)


def generate(**inputs):
    return {"signature_name": "generate", "inputs": inputs}


def test_an_unconditional_model_is_served(server):
    model = kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=0)
    model.export(server.folder / "letters")
    status, answer = server.ask("letters", generate(num_images=3, seed=2))
    assert status == 200 and list(answer) == ["outputs"]
    close(answer["outputs"], model.generate(3, seed=2))
    latents = model.sample_latents(2, seed=1)
    for rows in (latents.tolist(), [{"latents": row} for row in latents.tolist()]):
        status, answer = server.ask("letters", {"instances": rows})
        assert status == 200 and list(answer) == ["predictions"]
        close(answer["predictions"], model.decode(latents))
    for weight in model.generator.trainable_variables:
        weight.assign(weight + 0.1)
    model.export(server.folder / "letters")  # the next version, which is served from now on
    close(server.ask("letters", generate(num_images=3, seed=2))[1]["outputs"], model.generate(3, seed=2))
    for wrong in (
        generate(num_images=3),
        generate(num_images=3, seed=2, labels=[1, 1, 1]),
        generate(num_images=3, seed=2) | {"signature_name": "draw"},
        {"instances": [[0.1, 0.2, 0.3]]},
    ):
        status, answer = server.ask("letters", wrong)
        assert status == 400 and list(answer) == ["error"] and answer["error"]


def test_a_conditional_model_is_served(server):
    model = kerasgan.ConditionalGAN(
        image_size=16, num_classes={"letter": 3, "color": 2}, attributes={"slant": 1}, latent_dim=4, width=2,
        networks="conv", seed=0,
    )  # fmt: skip
    model.export(server.folder / "letters")
    labels = {"letter": [2, 0], "color": [1, 1], "slant": [[0.5], [-0.5]]}
    status, answer = server.ask("letters", generate(num_images=2, seed=1, **labels))
    assert status == 200
    close(answer["outputs"], model.generate(2, seed=1, labels={k: np.array(v) for k, v in labels.items()}))
    latents = model.sample_latents(2, seed=1)
    rows = [{"latents": z.tolist()} | {k: v[i] for k, v in labels.items()} for i, z in enumerate(latents)]
    close(server.ask("letters", {"instances": rows})[1]["predictions"], answer["outputs"])
    status, answer = server.ask("letters", generate(num_images=2, seed=1, **labels | {"letter": [0, 3]}))
    assert status == 400 and "`letter` must be ints from 0 to 2" in answer["error"]
    assert server.ask("letters", generate(num_images=2, seed=1, letter=[2, 0]))[0] == 400


def test_a_model_of_texts_is_served(server):
    words = kerasgan.text.BagOfWords(["blue", "red", "square"])
    model = kerasgan.GANCLS(image_size=16, text_dim=3, latent_dim=4, width=2, encoder=words, seed=0)
    model.export(server.folder / "squares")
    texts = ["red", "blue square"]
    status, answer = server.ask("squares", generate(num_images=2, seed=1, text=model.embed(texts).tolist()))
    assert status == 200
    close(answer["outputs"], model.generate(texts, 2, seed=1))
    assert np.abs(np.array(answer["outputs"]) - model.generate("red", 2, seed=1)).max() > 1e-4
    assert server.ask("squares", generate(num_images=2, seed=1, text=[[1.0, 0.0]]))[0] == 400


@pytest.mark.slow
def test_the_requests_of_the_guide_are_answered(server, tmp_path):
    text = PAGE.read_text()
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "request.json" in block)
    names = {"kerasgan": kerasgan, "pathlib": pathlib}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        exec(code, names)
    calls = re.findall(r"^(curl http.*?)(?=^curl|^```)", text, re.DOTALL | re.MULTILINE)
    assert len(calls) == 4
    for call in calls:
        _, url, flag, body = shlex.split(call.replace("\\\n", " "))
        name = re.fullmatch(r"http://localhost:8501/v1/models/(\w+):predict", url)[1]
        assert flag == "-d"
        request = json.loads((tmp_path / body[1:]).read_text() if body.startswith("@") else body)
        model = kerasgan.zoo.load(name)
        model.export(server.folder / name)
        status, answer = server.ask(name, request)
        inputs = {key: np.array(value) for key, value in request["inputs"].items() if key not in ("num_images", "seed")}
        if name == "gan_cls_glyphs":
            images = model.generate(inputs["text"], 2, seed=1)
        else:
            images = model.generate(2, seed=1, **({"labels": inputs.get("labels", inputs)} if inputs else {}))
        assert status == 200, answer
        close(answer["outputs"], images)
