"""What `fit` and `evaluate` take, in which order they answer, and which of Keras's callbacks they work with."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.data import inputs

IMAGES = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")
LABELS = (np.arange(40) % 3).astype("uint8")


class Sequence(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()
        self.ends = 0

    def __len__(self):
        return 5

    def __getitem__(self, i):
        return IMAGES[8 * i : 8 * i + 8], LABELS[8 * i : 8 * i + 8]

    def on_epoch_end(self):
        self.ends += 1


class Tensor:
    """Of another library: known by how it becomes an array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Loader:
    """What `fit` sees of torch's `DataLoader`: a length, and lists of tensors anew for each `iter`."""

    def __len__(self):
        return 5

    def __iter__(self):
        return ([Tensor(part) for part in Sequence()[i]] for i in range(5))


def endless():
    while True:
        yield from (Sequence()[i] for i in range(5))


def small(cls=kerasgan.GAN, **options):
    if cls is kerasgan.ConditionalGAN:
        options["num_classes"] = 3
    return cls(image_size=8, latent_dim=4, **options, seed=0)


@pytest.fixture(scope="module")
def model():
    model = small(kerasgan.ConditionalGAN)
    model.compile(run_eagerly=True)
    return model


def few_labels():
    model = kerasgan.SemiSupervisedGAN(image_size=8, num_classes=3, latent_dim=4)
    model.compile(run_eagerly=True)
    return model


def seen_by(source, epochs=1, **options):
    """The images of all steps of a training, and the model."""
    seen = []

    class Watching(kerasgan.GAN):
        def update_discriminator(self, real, fake, condition):
            seen.append(real.numpy())
            return {"d_loss": tf.zeros(()), "d_real": tf.zeros(()), "d_fake": tf.zeros(())}

        def descend(self, *_):
            pass

    model = Watching(image_size=8, latent_dim=4, seed=0)
    d_steps = options.pop("d_steps", 1)
    model.compile(run_eagerly=True, d_steps=d_steps)
    model.fit(source, epochs=epochs, verbose=0, **options)
    return seen, model


def torch_loader():
    torch = pytest.importorskip("torch")
    parts = torch.utils.data.TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS))
    return torch.utils.data.DataLoader(parts, batch_size=8)


@pytest.mark.parametrize("make", [Sequence, Loader, endless, torch_loader])
def test_what_yields_batches_is_trained_on_in_its_order(make):
    source = make()
    seen, model = seen_by(source, epochs=2, **({"steps_per_epoch": 5} if make is endless else {}))
    np.testing.assert_array_equal(np.concatenate(seen), np.concatenate([IMAGES, IMAGES]))
    assert int(model.step) == 10
    if make is Sequence:
        assert source.ends >= 1


def test_a_generator_needs_its_length_and_nothing_is_lost_by_looking_at_it():
    with pytest.raises(ValueError, match="`fit` needs `steps_per_epoch`"):
        small_compiled().fit(endless())
    with pytest.raises(ValueError, match="`evaluate` needs `steps`"):
        small_compiled().evaluate(endless())
    with pytest.raises(ValueError, match="`validation_data` is read in every epoch"):
        small_compiled().fit(IMAGES, validation_data=endless())
    with pytest.raises(ValueError, match="at least one batch"):
        small_compiled().fit(iter(()), steps_per_epoch=1)


def small_compiled(**options):
    model = small()
    model.compile(**options)
    return model


def test_a_generator_that_starts_anew_resumes(tmp_path):
    """The batches of the first run are drawn and passed over."""
    checkpoint = lambda: [kerasgan.callbacks.Checkpoint(tmp_path)]  # noqa: E731
    seen_by(endless(), steps_per_epoch=3, callbacks=checkpoint())
    seen, model = seen_by(endless(), epochs=2, steps_per_epoch=3, callbacks=checkpoint())
    assert int(model.step) == 6
    np.testing.assert_array_equal(np.concatenate(seen), np.concatenate([IMAGES[24:], IMAGES[:8]]))
    other = (IMAGES[::-1][8 * i : 8 * i + 8] for i in range(9))
    with pytest.raises(ValueError, match="first_batch"):
        seen_by(other, epochs=3, steps_per_epoch=3, callbacks=checkpoint())


def test_arrays_in_order_or_shuffled():
    in_order, _ = seen_by(IMAGES[:20], batch_size=8, shuffle=False)
    np.testing.assert_array_equal(np.concatenate(in_order), IMAGES[:20])
    shuffled, _ = seen_by(IMAGES[:20], batch_size=8)
    assert [len(batch) for batch in shuffled] == [8, 8]
    assert not np.array_equal(np.concatenate(shuffled), IMAGES[:16])


def test_each_update_sees_a_batch_of_the_dataset():
    """40 images in batches of 8 make 5 batches: with 2 updates a step, 2 steps; the rest goes into the next epoch."""
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(8)
    seen, model = seen_by(dataset, epochs=2, d_steps=2)
    assert int(model.step) == 4 and [len(batch) for batch in seen] == [8] * 8
    stream = np.concatenate([IMAGES, IMAGES])[:64].reshape((4, 8, 2, 8, 8, 1))
    for i, batch in enumerate(seen):
        np.testing.assert_array_equal(batch, stream[i // 2][:, i % 2])
    assert len(model.first_batch) == 16


def test_fewer_batches_than_updates_make_a_step_all_the_same():
    seen, model = seen_by(IMAGES[:8], batch_size=8, d_steps=5)
    assert int(model.step) == 1 and [len(batch) for batch in seen] == [8] * 5


def test_the_default_wgan_takes_batches_of_64(capsys):
    model = kerasgan.WGAN(image_size=16, channels=1, latent_dim=4, width=2)
    model.compile(run_eagerly=True)
    images = np.random.default_rng(1).uniform(-1, 1, (330, 16, 16, 1)).astype("float32")
    model.fit(images, batch_size=64, verbose=2)
    assert int(model.step) == 1 and len(model.first_batch) == 320
    assert "10 of 330 images do not fill a batch. Each epoch leaves out different ones." in capsys.readouterr().out


def test_a_batch_larger_than_the_data_names_what_fit_has():
    with pytest.raises(ValueError, match="`batch_size=40`, or fewer") as error:
        small_compiled().fit(IMAGES, batch_size=64)
    assert "drop_remainder" not in str(error.value)


def test_parts_of_a_batch_that_are_joined_have_the_same_rows():
    rng = np.random.default_rng(0)
    known, unknown = (rng.uniform(-1, 1, (n, 8, 8, 1)).astype("float32") for n in (2, 4))
    data = tf.data.Dataset.from_tensors(((known, np.int32([0, 1])), unknown)).repeat(4)
    model = kerasgan.SemiSupervisedGAN(image_size=8, num_classes=2)
    model.compile(d_steps=2)
    with pytest.raises(ValueError, match=r"With 2 batches per step, .* Received: \[2, 2, 4\]"):
        model.fit(data)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many"])
def test_steps_per_execution_is_a_count(wrong):
    with pytest.raises(
        ValueError, match=f"`steps_per_execution` must be an integer of at least 1. Received: {wrong!r}"
    ):
        small().compile(steps_per_execution=wrong)


@pytest.mark.parametrize("d_steps", [1, 2])
def test_streams_are_known_to_be_endless(d_steps):
    """Otherwise several workers expect a last small batch, and their batches have no fixed size."""
    model = small()
    model.compile(d_steps=d_steps)
    for data in (
        tf.data.Dataset.from_tensor_slices(IMAGES).batch(8, drop_remainder=True),
        inputs.as_dataset(IMAGES, batch_size=8),
    ):
        stream, _ = model._endless(data, None, check_range=True)
        assert int(stream.cardinality()) == tf.data.INFINITE_CARDINALITY
        assert stream.element_spec.shape[0] is not None


def test_keras_gets_streams_without_the_tuner(monkeypatch):
    """TensorFlow's tuner delays the end of `fit` and `evaluate`."""
    seen = []
    monkeypatch.setattr(keras.Model, "fit", lambda self, x, validation_data, **_: seen.extend([x, validation_data]))
    monkeypatch.setattr(keras.Model, "evaluate", lambda self, x, **_: seen.append(x) or {})
    plain = tf.data.Dataset.from_tensor_slices(IMAGES).batch(8)
    model = small()
    model.compile()
    model.fit(plain, validation_data=plain)
    model.evaluate(plain)
    assert [dataset.options().autotune.enabled for dataset in seen] == [False] * 3


def test_validation_split_holds_out_the_last_rows():
    first, last = inputs.split((IMAGES, LABELS), 0.25)
    np.testing.assert_array_equal(first[0], IMAGES[:30])
    np.testing.assert_array_equal(last[1], LABELS[30:])
    history = small_compiled(run_eagerly=True).fit(IMAGES, batch_size=10, validation_split=0.25, verbose=0).history
    assert {"val_g_loss", "g_loss"} <= set(history)
    for wrong in (1.0, -0.5, 0.999):
        with pytest.raises(ValueError, match="`validation_split` must be a share"):
            inputs.split(IMAGES[:2], wrong)
    with pytest.raises(ValueError, match="`validation_split` needs arrays"):
        small_compiled().fit(tf.data.Dataset.from_tensors(IMAGES), validation_split=0.5)


def test_validation_data_are_checked_before_step_0(model):
    step = int(model.step)
    with pytest.raises(ValueError, match=r"In `validation_data`: .*from 0 to 2"):
        model.fit((IMAGES, LABELS), validation_data=(IMAGES, LABELS + 1))
    assert int(model.step) == step
    history = model.fit((IMAGES[:8], LABELS[:8]), batch_size=8, validation_data=(IMAGES[:8], LABELS[:8]), verbose=0)
    assert "val_g_loss" in history.history


@pytest.mark.parametrize("name", ["class_weight", "sample_weight"])
def test_weights_are_refused_by_name(model, name):
    for method in (model.fit, model.evaluate):
        if name in ("sample_weight",) or method == model.fit:
            with pytest.raises(ValueError, match=f"`{name}` is not supported"):
                method((IMAGES, LABELS), **{name: np.ones(40)})


def test_a_third_element_is_refused(model):
    weighted = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS, np.ones(40))).batch(8)
    for each in (model, small_compiled()):
        with pytest.raises(ValueError, match="weights of samples cannot be given. Received: 3 parts"):
            each.fit(weighted)


def test_unknown_arguments_of_fit_and_evaluate(model):
    with pytest.raises(TypeError, match="`fit` has no argument 'epoch'. Did you mean 'epochs'?"):
        model.fit((IMAGES, LABELS), epoch=3)
    with pytest.raises(TypeError, match="`evaluate` has no argument 'setps'. Did you mean 'steps'?"):
        model.evaluate((IMAGES, LABELS), setps=3)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:, None], r"The rank is 2, not 1.*tf.squeeze\(labels, -1\)"),
        (np.eye(3, dtype="float32")[LABELS], r"turn one-hot rows into integers"),
        (LABELS + 1, r"Some labels are out of range"),
        (LABELS[:39], "`images` and `labels` must have the same number of rows"),
    ],
)
def test_evaluate_checks_labels_of_models_that_classify(labels, message):
    model = few_labels()
    data = tf.data.Dataset.from_tensors((IMAGES, labels))
    with pytest.raises(ValueError, match=message):
        model.evaluate(data, verbose=0)


def test_evaluate_checks_the_range_unless_it_is_told_not_to():
    model = small_compiled(run_eagerly=True)
    bright = IMAGES * 0.5 + 0.5
    with pytest.raises(ValueError, match="The type is not floating point"):
        model.evaluate((bright * 255).astype("uint8"), verbose=0)
    with pytest.raises(ValueError, match=r"look like \[0, 1\]"):
        model.evaluate(bright, verbose=0)
    assert np.isfinite(model.evaluate(bright, check_inputs=False, verbose=0)).all()
    seen = iter([IMAGES[:8], IMAGES[8:16]])
    steps = model.evaluate(seen, steps=2, verbose=0)
    assert steps == pytest.approx(model.evaluate(IMAGES[:16], batch_size=8, verbose=0), rel=1e-6)
    assert next(seen, None) is None


def test_one_image_can_be_evaluated_with_moving_statistics():
    model = kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16, sampling_statistics="moving")
    model.compile(run_eagerly=True)
    images = np.random.default_rng(1).uniform(-1, 1, (1, 16, 16, 3)).astype("float32")
    assert np.isfinite(model.evaluate((images, images), verbose=0)).all()
    with pytest.raises(ValueError, match="With one image per batch"):
        model.fit((images, images), batch_size=1)


def test_devices_evaluate_equal_shares(two_devices):
    alone = small_compiled()
    with two_devices.scope():
        model = small_compiled()
    model.set_weights(alone.get_weights())
    for size, count in ((4, 8), (6, 6), (2, 10)):
        logs = model.evaluate(IMAGES[:count], batch_size=size, return_dict=True, verbose=0)
        assert logs == pytest.approx(
            alone.evaluate(IMAGES[:count], batch_size=size, return_dict=True, verbose=0), rel=1e-6
        )
    wanted = "On 2 devices the batch size must be fixed and a multiple of 2.*`batch_size` that divides"
    for count in (5, 7):
        with pytest.raises(ValueError, match=wanted):
            model.evaluate(IMAGES[:count], batch_size=4)
        with pytest.raises(ValueError, match=f"In `validation_data`: {wanted}"):
            model.fit(IMAGES, batch_size=4, validation_data=IMAGES[:count])


def test_values_come_in_one_order():
    model = small_compiled(augment="adaptive", metrics=[keras.metrics.MeanAbsoluteError(name="distance")])
    before = model.metrics_names
    by_name = model.evaluate(IMAGES, return_dict=True, verbose=0)
    assert model.evaluate(IMAGES, verbose=0) == list(by_name.values())
    assert before == model.metrics_names == list(by_name) == ["d_loss", "g_loss", "d_real", "d_fake", "distance"]
    one = model.test_on_batch(IMAGES, return_dict=True)
    assert model.test_on_batch(IMAGES) == [one[name] for name in model.metrics_names if name != "distance"]
    assert one["d_loss"] != one["g_loss"] != one["d_real"]
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), augment="adaptive", run_eagerly=True)
    values = model.train_on_batch(IMAGES)
    assert len(values) == 4 and 1.2 < values[0] < 1.7 and 0.4 < values[1] < 1 and 0.3 < values[2] < 0.7


def test_what_was_not_computed_is_not_logged(tmp_path):
    log = kerasgan.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model = small_compiled(augment="adaptive", d_steps=kerasgan.schedules.LossThreshold(1, 1, at_most=2))
    logs = model.fit(IMAGES, batch_size=20, validation_data=IMAGES, verbose=0).history
    plain = {"d_loss", "g_loss", "d_real", "d_fake"}
    training = {"d_updates", "g_updates", "augment_p"}
    assert set(logs) == plain | training | {f"val_{name}" for name in plain}

    srgan = kerasgan.SRGAN(image_size=16, channels=1, width=2, blocks=1)
    srgan.compile(adversarial_weight=0, run_eagerly=True)
    data = (IMAGES[:4, :4, :4], IMAGES[:4].repeat(2, axis=1).repeat(2, axis=2))
    history = srgan.fit(data, batch_size=4, epochs=2, verbose=0, callbacks=[log]).history
    assert set(history) == {"g_loss", "content_loss"}
    assert set(srgan.evaluate(data, verbose=0, return_dict=True)) == {"g_loss", "content_loss"}
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,content_loss,g_loss" and len(lines) == 3 and "NA" not in lines[1]


def test_a_schedule_of_keras_moves_both_rates(model):
    model = small(kerasgan.GAN)
    model.compile(keras.optimizers.SGD(0.08), keras.optimizers.SGD(0.02), run_eagerly=True)
    halving = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    logs = model.fit(IMAGES[:8], batch_size=8, epochs=2, verbose=0, callbacks=[halving]).history
    np.testing.assert_allclose(logs["learning_rate_g"], [0.04, 0.02], rtol=1e-6)
    np.testing.assert_allclose(logs["learning_rate_d"], [0.01, 0.005], rtol=1e-6)
    plateau = keras.callbacks.ReduceLROnPlateau("g_loss", factor=0.1, patience=1, min_delta=100)
    model.fit(IMAGES[:8], batch_size=8, epochs=2, verbose=0, callbacks=[plateau])
    assert float(model.g_optimizer.learning_rate) == pytest.approx(0.002)
    assert float(model.d_optimizer.learning_rate) == pytest.approx(0.0005)


@pytest.mark.parametrize(
    "make, words",
    [
        (keras.callbacks.TerminateOnNaN, r"kerasgan.callbacks.StopOnNonFinite\(\)"),
        (keras.callbacks.SwapEMAWeights, r"model.compile\(ema_decay=0.999\)"),
        (keras.callbacks.ReduceLROnPlateau, "`monitor` of `ReduceLROnPlateau` must be one of the logs"),
        (keras.callbacks.EarlyStopping, "`monitor` of `EarlyStopping` must be one of the logs"),
        (lambda: keras.callbacks.EarlyStopping("d_real"), "`mode='min'` or `mode='max'`"),
        (lambda: keras.callbacks.ModelCheckpoint("x.keras", save_best_only=True), "`monitor` of `ModelCheckpoint`"),
    ],
)
def test_callbacks_that_cannot_work_are_refused_before_step_0(make, words):
    model = small_compiled()
    with pytest.raises(ValueError, match=words):
        model.fit(IMAGES, callbacks=[make()])
    assert int(model.step) == 0


def test_the_direction_of_our_logs_is_known():
    rate = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1)
    decay = kerasgan.schedules.LinearDecay(0.1, 1, 1)
    with pytest.raises(ValueError, match="cannot change the rate of `d_optimizer`, which is a LinearDecay"):
        small_compiled(d_optimizer=keras.optimizers.SGD(decay)).fit(IMAGES, verbose=0, callbacks=[rate])
    less, more = keras.callbacks.EarlyStopping("val_g_loss"), keras.callbacks.EarlyStopping("class_accuracy_fake")
    kerasgan.models.keras_callbacks.prepare_callbacks(small_compiled(), [less, more])
    assert (less.mode, more.mode) == ("min", "max")


def test_callbacks_follow_the_accuracy_on_validation_data():
    model = few_labels()
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=0)
    assert model.metrics_names == ["accuracy"]
    data = ((IMAGES[:8], LABELS[:8]), IMAGES[8:16])
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, "callbacks": [stop]}
    history = model.fit(data, validation_data=(IMAGES, LABELS), **options).history
    right = model.predict(IMAGES, verbose=0).argmax(1) == LABELS
    assert history["val_accuracy"][-1] == pytest.approx(right.mean())
    assert stop.mode == "max" and stop.best == pytest.approx(max(history["val_accuracy"]))


def test_compile_refuses_what_evaluate_could_not_use():
    with pytest.raises(ValueError, match="`metrics` must be a list of `keras.metrics.Metric`s.*Received: 'accuracy'"):
        small_compiled(metrics=["accuracy"])
    with pytest.raises(ValueError, match=r"call `compile\(\)`"):
        small().evaluate(IMAGES)


def judge(*last):
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), *last])


@pytest.mark.parametrize(
    "network, activation",
    [
        (lambda: judge(keras.layers.Dense(1, activation="sigmoid")), "sigmoid"),
        (lambda: judge(keras.layers.Dense(1), keras.layers.Activation("tanh"), keras.layers.Reshape((1,))), "tanh"),
        (lambda: judge(keras.layers.Dense(2), keras.layers.Softmax()), "softmax"),
        (lambda: keras.Sequential([keras.Input((8, 8, 1)), judge(keras.layers.Dense(1, "sigmoid"))]), "sigmoid"),
        (lambda: judge(keras.layers.Dense(1), keras.layers.Activation("linear")), None),
    ],
)
def test_a_discriminator_that_ends_in_probabilities_is_refused(network, activation):
    model = kerasgan.GAN(image_size=8, discriminator=network())
    if activation is None:
        model.compile()
        return
    with pytest.raises(ValueError, match=f"ends in '{activation}'. Remedy: `activation=None`"):
        model.compile()


def test_networks_of_other_images_are_refused():
    other = kerasgan.GAN(image_size=4, latent_dim=4)
    with pytest.raises(ValueError, match=r"`generator` must make images .*\(8, 8, 1\).* makes \(4, 4, 1\)"):
        kerasgan.GAN(image_size=8, latent_dim=4, generator=other.generator).compile()
    with pytest.raises(ValueError, match=r"`discriminator` must take images .*\(8, 8, 1\).* takes \(4, 4, 1\)"):
        kerasgan.GAN(image_size=8, latent_dim=4, discriminator=other.discriminator).compile()


def test_augmentations_of_vectors_ask_for_no_image_size():
    class Vectors(kerasgan.AdversarialModel):
        def __init__(self):
            network = lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])  # noqa: E731
            super().__init__(generator=network(), discriminator=network())

    model = Vectors()
    model.compile(augment="instance_noise")
    assert model.augment[0].built
