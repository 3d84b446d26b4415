"""Training steps of kerasgan beside hand-written loops on the same networks, interleaved: ratios of one run.

    python tests/benchmarks/bench_training.py [--cases dcgan28 ...] [--rounds 5] [--out FILE.json]
                                              [--torch PYTHON] [--seconds 4] [--gpu]

Every contender is a process of its own that trains on random images when told to; they take turns, A B C A B C, so
that a machine whose speed drifts is fair to all, and only one works at a time. A turn lasts about `--seconds`; the
first is not counted. Printed and written are the median of the images a second, the median of the ratios to the first
row turn by turn with the smallest and the largest, and the peak memory. "roof" is how many images a second the
machine's own rate for a large convolution, measured in the same turns, would allow for the arithmetic of the step;
"roof bf16" the same by its rate in bfloat16, where it has instructions for that.
All have networks of the same arithmetic; those of the hand-written loops consist of Keras's own layers.

Contenders: "tutorial", the loop of TensorFlow's tutorials (one `tf.function`, two tapes, both losses from one pass);
"by hand", such a loop of kerasgan's algorithm, whose G learns from the improved D; "keras.io", a `train_step` in the
style of Keras's examples under `fit`; "default", kerasgan as compiled without options; "best", with
`steps_per_execution` (and `mixed_bfloat16` where the processor has instructions for it); "torch", PyTorch eager,
where `--torch` names a Python that has it. WGAN-GP has no tutorial, CycleGAN nothing of PyTorch. The newer models
(the autoencoder, BigGAN, Pix2PixHD, ProjectedGAN, R3GAN and StyleGAN2) have no tutorial and no roof.

With `--gpu`: "best" with and without XLA ("no xla"), PyTorch eager ("torch") and compiled ("torch compiled", without
second gradients, which it does not support), and the roof in bfloat16, with the memory of the GPU. The last column is
the seconds to the end of the first executions, which are mostly compilation.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BATCH = {"dcgan28": 128, "dcgan64": 64, "wgangp64": 40, "pix2pix256": 1, "cyclegan256": 1}
BATCH |= {"autoencoder28": 128, "biggan32": 16, "pix2pixhd128": 4, "projected64": 32, "r3gan32": 32, "stylegan32": 32}
SIDE = {"dcgan28": (28, 1), "dcgan64": (64, 3), "wgangp64": (64, 3), "pix2pix256": (256, 3), "cyclegan256": (256, 3)}
SIDE |= {"autoencoder28": (28, 1), "biggan32": (32, 3), "pix2pixhd128": (128, 3), "projected64": (64, 3)}
SIDE |= {"r3gan32": (32, 3), "stylegan32": (32, 3)}
BATCH |= {"r3gan64": 64, "stylegan256": 16}
SIDE |= {"r3gan64": (64, 3), "stylegan256": (256, 3)}
ON_GPU = ("dcgan64", "pix2pix256", "r3gan64", "stylegan256")
# These have no tutorial and no roof: the first row is PyTorch, or the default without it.
NEWER = ("autoencoder28", "biggan32", "pix2pixhd128", "projected64", "r3gan32", "stylegan32")
NEWER += ("r3gan64", "stylegan256")
UPDATES = {"wgangp64": 5}  # of D per step, each on its part of the batch
RIVALS = {"dcgan64": "keras.io", "wgangp64": "keras.io"}  # of the others: the tutorial alone

# Of "best". A turn has at least two executions, so that long steps come in small ones.
STEPS_PER_EXECUTION = {"dcgan28": 10, "dcgan64": 4, "wgangp64": 4, "pix2pix256": 3, "cyclegan256": 2}
# Every 16th step of StyleGAN2 has R1.
STEPS_PER_EXECUTION |= {"autoencoder28": 20, "biggan32": 4, "pix2pixhd128": 4, "projected64": 4}
STEPS_PER_EXECUTION |= {"r3gan32": 4, "r3gan64": 4, "stylegan32": 16, "stylegan256": 16}


# The networks of the contenders, built by kerasgan once and given to all --------------------------------------------


def build(case):
    import kerasgan

    size, channels = SIDE[case]
    if case.startswith("dcgan"):
        model = kerasgan.DCGAN(image_size=size, channels=channels, width=64, seed=0)
    elif case == "wgangp64":
        model = kerasgan.WGANGP(image_size=size, channels=channels, width=32, seed=0)
    elif case == "pix2pix256":
        model = kerasgan.Pix2Pix(image_size=size, seed=0)
    elif case == "autoencoder28":
        model = kerasgan.Autoencoder(networks="conv", code=32, seed=0)
    elif case == "biggan32":
        options = {"shared_dim": 0, "hierarchical": False, "attention_size": 0, "initializer": "normal", "seed": 0}
        model = kerasgan.BigGAN(image_size=size, num_classes=10, width=64, latent_dim=128, **options)
    elif case == "pix2pixhd128":
        options = {"instances": False, "enhancer": False, "scales": 2, "downsamplings": 3, "blocks": 6, "seed": 0}
        model = kerasgan.Pix2PixHD(image_size=size, num_classes=12, width=32, **options)
    elif case == "projected64":
        model = kerasgan.ProjectedGAN(image_size=size, width=32, feature_size=128, seed=0)
    elif case.startswith("r3gan"):
        model = kerasgan.R3GAN(image_size=size, width=64 if size < 64 else 256, wide_until=size, seed=0)
    elif case == "stylegan256":
        model = kerasgan.StyleGAN2(size, channel_base=16384, seed=0)
    elif case == "stylegan32":
        model = kerasgan.StyleGAN2(size, latent_dim=256, style_dim=256, mapping_layers=2, channel_base=1024, seed=0)
    else:
        model = kerasgan.CycleGAN(image_size=size, pool_size=0, seed=0)
    return model


def rival(case):
    """The model of a case, of Keras's own layers where kerasgan has faster ones of the same arithmetic."""
    import keras

    def own(layer):
        family = [kind for kind in type(layer).__mro__ if kind.__module__.startswith("keras.")]
        return (type(layer) if family[0] is keras.layers.Layer else family[0]).from_config(layer.get_config())

    model = build(case)
    for name in (*model.g_networks, *model.d_networks):
        setattr(model, name, keras.models.clone_model(getattr(model, name), clone_function=own))
    return model


def pairs(case):
    return case.startswith(("pix2pix", "cyclegan", "biggan"))


def random_images(case):
    import numpy as np

    size, channels = SIDE[case]
    generator = np.random.default_rng(0)
    shape = (8 * BATCH[case], size, size, channels)
    images = [generator.uniform(-1, 1, shape).astype("float32") for _ in range(1 + pairs(case))]
    if case == "biggan32":
        images[1] = generator.integers(0, 10, len(images[0])).astype("int32")
    elif case == "pix2pixhd128":
        images[0] = generator.integers(0, 12, shape[:3]).astype("int32")
    return tuple(images) if pairs(case) else images[0]


def dataset(case):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(random_images(case)).cache().shuffle(8 * BATCH[case])
    return data.batch(BATCH[case], drop_remainder=True).prefetch(2)


# Contenders: each returns a function that trains so many steps ------------------------------------------------------


def kerasgan_fit(case, best, **options):
    import keras

    if best and (has_bfloat16() or on_gpu()):
        keras.config.set_dtype_policy("mixed_bfloat16")
    model = build(case)
    options |= {"biggan32": {"d_steps": 1}}.get(case, {})
    model.compile(steps_per_execution=STEPS_PER_EXECUTION[case] if best else 1, **options)
    return timed_fit(model, case, UPDATES.get(case, 1), check_inputs=False)


def timed_fit(model, case, parts=1, **options):
    """A contender that trains by `fit`, timed from its first execution to its last: a turn's `fit` starts anew.

    `fit` gets batches for single updates of D: `parts` of them make the batch of the case.
    """
    import keras

    class Stopwatch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.marks = []

        def on_train_batch_end(self, batch, logs=None):
            self.marks.append((batch, time.perf_counter()))

    data, watch = dataset(case).repeat(), Stopwatch()
    data = data.rebatch(BATCH[case] // parts) if parts > 1 else data

    def train(steps):
        model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[watch], **options)
        (first, start), (last, end) = watch.marks[0], watch.marks[-1]
        return (end - start) * steps / (last - first) if last > first else None

    return train


def losses(case, model):
    """The two losses of a case as a hand-written loop has them: (batch) -> (generators', discriminators')."""
    import tensorflow as tf

    def cross_entropy(logits, real):
        target = tf.ones_like(logits) if real else tf.zeros_like(logits)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(target, logits))

    def square(logits, real):
        return tf.reduce_mean((logits - float(real)) ** 2)

    def distance(x, y):
        return tf.reduce_mean(tf.abs(x - y))

    def noise_to_image(real):
        fake = model.generator(tf.random.normal((BATCH[case], model.latent_dim)), training=True)
        real_logits, fake_logits = model.discriminator(real, training=True), model.discriminator(fake, training=True)
        return cross_entropy(fake_logits, True), cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)

    def pix2pix(source, target):
        noise = tf.random.uniform((BATCH[case], model.latent_dim), -1.0, 1.0)
        fake = model.generator([source, noise] if model.latent_dim else source, training=True)
        real_logits = model.discriminator([target, source], training=True)
        fake_logits = model.discriminator([fake, source], training=True)
        g_loss = cross_entropy(fake_logits, True) + 100.0 * distance(fake, target)
        return g_loss, (cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)) / 2

    def cyclegan(a, b):
        g, f, d_a, d_b = model.generator_ab, model.generator_ba, model.discriminator_a, model.discriminator_b
        fake_b, fake_a = g(a, training=True), f(b, training=True)
        cycle = distance(f(fake_b, training=True), a) + distance(g(fake_a, training=True), b)
        identity = distance(g(b, training=True), b) + distance(f(a, training=True), a)
        fake_logits = d_a(fake_a, training=True), d_b(fake_b, training=True)
        g_loss = sum(square(x, True) for x in fake_logits) + 10.0 * cycle + 5.0 * identity
        real_logits = d_a(a, training=True), d_b(b, training=True)
        d_loss = sum(square(x, True) for x in real_logits) + sum(square(x, False) for x in fake_logits)
        return g_loss, d_loss / 2

    return {"pix2pix256": pix2pix, "cyclegan256": cyclegan}.get(case, noise_to_image)


def optimizers():
    import keras

    return [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]


def loop_by_hand(case):
    """kerasgan's order in a loop like the tutorials': D on real and fake, then G by the improved D, one pass of G."""
    import tensorflow as tf

    model = rival(case)
    g_optimizer, d_optimizer = optimizers()

    def cross_entropy(logits, target):
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), target), logits))

    @tf.function
    def step(real):
        with tf.GradientTape() as g_tape:
            fake = model.generator(tf.random.normal((BATCH[case], model.latent_dim)), training=True)
            with g_tape.stop_recording():
                with tf.GradientTape() as d_tape:
                    d_loss = cross_entropy(model.discriminator(real, training=True), 1.0)
                    d_loss += cross_entropy(model.discriminator(fake, training=True), 0.0)
                d_gradients = d_tape.gradient(d_loss, model.d_variables)
                d_optimizer.apply_gradients(zip(d_gradients, model.d_variables))
            g_loss = cross_entropy(model.discriminator(fake, training=True), 1.0)
        g_gradients = g_tape.gradient(g_loss, model.g_variables)
        g_optimizer.apply_gradients(zip(g_gradients, model.g_variables))

    batches = iter(dataset(case).repeat())

    def train(steps):
        for _ in range(steps):
            step(next(batches))

    return train


def tutorial_loop(case):
    """TensorFlow's tutorials: both losses from one pass, two tapes, then both optimizers."""
    import tensorflow as tf

    model = rival(case)
    both = losses(case, model)
    g_optimizer, d_optimizer = optimizers()

    @tf.function
    def step(*batch):
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            g_loss, d_loss = both(*batch)
        g_gradients = g_tape.gradient(g_loss, model.g_variables)
        d_gradients = d_tape.gradient(d_loss, model.d_variables)
        g_optimizer.apply_gradients(zip(g_gradients, model.g_variables))
        d_optimizer.apply_gradients(zip(d_gradients, model.d_variables))

    batches = iter(dataset(case).repeat())

    def train(steps):
        for _ in range(steps):
            batch = next(batches)
            step(*(batch if pairs(case) else (batch,)))

    return train


def keras_io_fit(case):
    """Keras's examples: a `train_step` that updates D, then samples anew and updates G."""
    import keras
    import tensorflow as tf

    ours = rival(case)
    penalized, critic_steps = case == "wgangp64", 5 if case == "wgangp64" else 1
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    class Example(keras.Model):
        def __init__(self):
            super().__init__()
            self.generator, self.discriminator = ours.generator, ours.discriminator
            self.g_optimizer, self.d_optimizer = optimizers()
            self.g_mean, self.d_mean = keras.metrics.Mean(name="g_loss"), keras.metrics.Mean(name="d_loss")

        def judge(self, real, fake):
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            if not penalized:
                ones = tf.ones_like(real_logits)
                return bce(ones, real_logits) + bce(0 * ones, fake_logits)
            mix = real + tf.random.uniform((BATCH[case] // critic_steps, 1, 1, 1)) * (fake - real)
            with tf.GradientTape() as inner:
                inner.watch(mix)
                logits = self.discriminator(mix, training=True)
            norm = tf.sqrt(tf.reduce_sum(inner.gradient(logits, mix) ** 2, axis=[1, 2, 3]))
            return tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits) + 10 * tf.reduce_mean((norm - 1) ** 2)

        def train_step(self, batch):
            size = BATCH[case] // critic_steps
            for part in range(critic_steps):
                real = batch[part * size : (part + 1) * size]
                latents = tf.random.normal((size, ours.latent_dim))
                with tf.GradientTape() as tape:
                    d_loss = self.judge(real, self.generator(latents, training=True))
                gradients = tape.gradient(d_loss, self.discriminator.trainable_variables)
                self.d_optimizer.apply_gradients(zip(gradients, self.discriminator.trainable_variables))
            latents = tf.random.normal((size, ours.latent_dim))
            with tf.GradientTape() as tape:
                logits = self.discriminator(self.generator(latents, training=True), training=True)
                g_loss = -tf.reduce_mean(logits) if penalized else bce(tf.ones_like(logits), logits)
            gradients = tape.gradient(g_loss, self.generator.trainable_variables)
            self.g_optimizer.apply_gradients(zip(gradients, self.generator.trainable_variables))
            self.g_mean.update_state(g_loss)
            self.d_mean.update_state(d_loss)
            return {"g_loss": self.g_mean.result(), "d_loss": self.d_mean.result()}

    example = Example()
    example.compile(optimizer=None)
    return timed_fit(example, case)


def torch_loop(case, compiled=False):
    """PyTorch on the same networks, in bfloat16 where the processor has instructions for it, or on the GPU."""
    from torch_rivals import loop

    device = "cuda" if on_gpu() else "cpu"
    return loop(case, BATCH[case], SIDE[case], on_gpu() or has_bfloat16(), device, compiled)


def roof(case, dtype):
    """A large convolution, as many multiplications at a time as a step's graph has: one "step" is one step's worth."""
    import tensorflow as tf

    work = arithmetic(case)
    x, kernel = (tf.cast(tf.random.normal(shape), dtype) for shape in ((32, 32, 32, 128), (5, 5, 128, 128)))
    share = 2 * 32 * 32 * 32 * 128 * 128 * 25 / work

    @tf.function
    def convolve():
        return tf.nn.conv2d(x, kernel, 1, "SAME")

    def train(steps):
        for _ in range(max(1, round(steps / share))):
            convolve()

    return train


def arithmetic(case):
    """The operations of the convolutions and products of one step of kerasgan, counted as it runs."""
    from allreduce import operations

    model = rival(case)
    model.compile()
    return BATCH[case] * operations(model, next(iter(dataset(case))))


# Taking turns -------------------------------------------------------------------------------------------------------


def has_bfloat16():
    flags = pathlib.Path("/proc/cpuinfo")
    return flags.exists() and any(name in flags.read_text() for name in ("amx_bf16", "avx512_bf16"))


def on_gpu():
    """Whether the contenders work on a GPU: `--gpu` sets this variable for them."""
    return bool(os.environ.get("BENCH_ON_GPU"))


def peak_memory():
    """Returns the peak memory in MB: that of the GPU, or of the process."""
    if not on_gpu():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if "torch" in sys.modules:
        return sys.modules["torch"].cuda.max_memory_allocated() / 2**20
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20


def machine():
    if "kerasgan" not in sys.modules:
        return None
    from kerasgan.zoo._card import machine

    return machine()


def work(case, name):
    """A contender: reads numbers of steps, trains them, and answers with the seconds and the peak memory in MB."""
    makers = {
        "tutorial": tutorial_loop,
        "by hand": loop_by_hand,
        "keras.io": keras_io_fit,
        "torch": torch_loop,
        "torch compiled": lambda case: torch_loop(case, compiled=True),
        "roof": lambda case: roof(case, "float32"),
        "roof bf16": lambda case: roof(case, "bfloat16"),
        "default": lambda case: kerasgan_fit(case, best=False),
        "best": lambda case: kerasgan_fit(case, best=True),
        "no xla": lambda case: kerasgan_fit(case, best=True, jit_compile=False),
    }
    start = time.perf_counter()
    train = makers[name](case)
    train(2 * STEPS_PER_EXECUTION[case])  # tracing, and the first executions of each shape
    said = {"machine": machine(), "bfloat16": has_bfloat16(), "started": time.perf_counter() - start}
    print("ready", json.dumps(said), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        seconds = train(int(line)) or time.perf_counter() - start
        print(json.dumps([seconds, peak_memory()]), flush=True)


def compete(case, rounds, seconds, torch_python, about):
    if on_gpu():
        names = dict.fromkeys(["best", "no xla", *["roof bf16"] * (case not in NEWER)], sys.executable)
        rivals = ["torch", *["torch compiled"] * (case not in NEWER)]
        names |= dict.fromkeys(rivals, torch_python) if torch_python else {}
        return race(case, names, rounds, seconds, about)
    torch = {"torch": torch_python} if torch_python and case != "cyclegan256" else {}
    ours = ["by hand"] * case.startswith("dcgan") + ["default", "best"]
    if case in NEWER:
        names = torch | dict.fromkeys(ours, sys.executable)
    else:
        rival, roofs = RIVALS.get(case, "tutorial"), ["roof"] + ["roof bf16"] * has_bfloat16()
        first = [rival] if case == "wgangp64" else ["tutorial", rival]
        names = dict.fromkeys([*first, *ours, *roofs], sys.executable) | torch
    return race(case, names, rounds, seconds, about)


def race(case, names, rounds, seconds, about):
    """Lets the contenders {name: Python} take turns."""
    workers, started = {}, {}
    for name, python in names.items():
        command = [python, __file__, "--worker", case, name]
        # one after the other: their first steps must not compete
        workers[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = workers[name].stdout.readline()
        if not said.startswith("ready "):
            raise SystemExit(f"{case}: {name} did not start; its error stands above")
        said = json.loads(said.removeprefix("ready "))
        started[name] = said.pop("started")
        about.update({} if name.startswith("torch") else said)

    def turn(name, steps):
        workers[name].stdin.write(f"{steps}\n")
        workers[name].stdin.flush()
        return json.loads(workers[name].stdout.readline())

    steps = {}
    for name in names:
        few = 2 * STEPS_PER_EXECUTION[case]
        took, _ = turn(name, few)
        steps[name] = max(few, round(few * seconds / took / STEPS_PER_EXECUTION[case]) * STEPS_PER_EXECUTION[case])
    rates, memory = {name: [] for name in names}, {}
    for _ in range(rounds):
        for name in names:
            took, memory[name] = turn(name, steps[name])
            rates[name].append(steps[name] * BATCH[case] / took)
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    base = next(iter(names))
    return {
        name: {
            "images_per_second": statistics.median(rates[name]),
            "ratio": statistics.median(ratios := [x / y for x, y in zip(rates[name], rates[base])]),
            "smallest_ratio": min(ratios),
            "largest_ratio": max(ratios),
            "peak_memory_mb": memory[name],
            "seconds_to_start": started[name],
        }
        for name in names
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=sorted(BATCH), help="default: all for the device")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--torch", help="a Python that has PyTorch")
    parser.add_argument("--gpu", action="store_true", help="the cases and the contenders for a GPU")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(*options.worker)
    if options.gpu:
        # The contenders share the memory of the GPU.
        os.environ |= {"BENCH_ON_GPU": "1", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    on_cpu = sorted(case for case in BATCH if case not in ("r3gan64", "stylegan256"))
    about, results = {}, {}  # what the workers say of the machine
    for case in options.cases or (ON_GPU if options.gpu else on_cpu):
        results[case] = compete(case, options.rounds, options.seconds, options.torch, about)
        print(f"\n{case}, batch {BATCH[case]}; ratios to the first row")
        print(f"{'':14}{'images/s':>10}{'ratio':>8}{'from':>8}{'to':>8}{'peak MB':>9}{'start s':>9}")
        for name, row in results[case].items():
            print(f"{name:14}{row['images_per_second']:10.1f}{row['ratio']:8.2f}{row['smallest_ratio']:8.2f}", end="")
            print(f"{row['largest_ratio']:8.2f}{row['peak_memory_mb']:9.0f}{row['seconds_to_start']:9.1f}", flush=True)
        if options.out:
            options.out.write_text(json.dumps(about | {"rounds": options.rounds, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
