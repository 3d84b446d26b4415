import json
import re
import socket
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import distribute


def describe(monkeypatch, cluster, kind="worker", index=0):
    task = {"cluster": cluster, "task": {"type": kind, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))


def listener():
    return socket.create_server(("127.0.0.1", 0))


def free_port():
    with listener() as door:
        return door.getsockname()[1]


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_one_device_needs_no_strategy():
    assert distribute.strategy() is tf.distribute.get_strategy()
    assert distribute.strategy("default").num_replicas_in_sync == 1


@pytest.fixture
def forget():
    """The one strategy over the devices of a machine lasts as long as the process."""
    distribute._mirrored.cache_clear()
    yield
    distribute._mirrored.cache_clear()


def test_several_gpus_are_mirrored(monkeypatch, forget):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "mirrored")
    assert distribute.strategy("auto") == "mirrored"
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    assert distribute.strategy("auto") is tf.distribute.get_strategy()
    assert distribute.strategy("mirrored") == "mirrored"


def test_the_devices_of_a_machine_have_one_strategy(forget):
    assert distribute.strategy("mirrored") is distribute.strategy("mirrored")


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="'auto', 'default', 'mirrored', 'multi_worker'.*Received: 'tpu'"):
        distribute.strategy("tpu")


@pytest.mark.parametrize(
    "description",
    [
        "",
        "worker-0:1234",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_cluster_that_is_none_is_refused(monkeypatch, description):
    monkeypatch.setenv("TF_CONFIG", description)
    with pytest.raises(ValueError, match=f"TF_CONFIG.*Received: {re.escape(repr(description))}"):
        distribute.strategy("multi_worker")


@pytest.mark.parametrize("workers", [["a:1", "a:1"], ["a:1", "b:70000"]])
def test_addresses_that_cannot_be_are_refused(monkeypatch, workers):
    describe(monkeypatch, {"worker": workers})
    with pytest.raises(ValueError, match="must have different host:port addresses"):
        distribute.strategy("multi_worker")


def test_a_worker_that_never_appears_is_named(monkeypatch):
    absent = f"127.0.0.1:{free_port()}"
    with listener() as present:
        workers = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{present.getsockname()[1]}", absent]
        describe(monkeypatch, {"worker": workers})
        with pytest.raises(TimeoutError, match=f"Worker 2 did not appear at {absent} within 0.5 seconds"):
            distribute.strategy("auto", timeout=0.5)


def test_the_chief_comes_first(monkeypatch):
    absent = f"127.0.0.1:{free_port()}"
    describe(monkeypatch, {"worker": [f"127.0.0.1:{free_port()}"], "chief": [absent]})
    with pytest.raises(TimeoutError, match=f"Worker 0 did not appear at {absent}"):
        distribute.strategy("auto", timeout=0.5)


def test_a_port_in_use_is_named(monkeypatch):
    with socket.create_server(("", 0)) as taken:
        own = f"127.0.0.1:{taken.getsockname()[1]}"
        describe(monkeypatch, {"worker": [own, f"127.0.0.1:{free_port()}"]})
        with pytest.raises(OSError, match=f"cannot listen on its port.*{own}"):
            distribute.strategy("auto", timeout=0.5)


def test_share_gives_each_device_its_rows(two_devices):
    devices = two_devices
    numbers = tf.data.Dataset.range(16).batch(8, drop_remainder=True)
    parts = devices.experimental_distribute_dataset(distribute.share(numbers, devices))
    rows = [[value.numpy().tolist() for value in devices.experimental_local_results(part)] for part in parts]
    assert rows == [[[0, 1, 2, 3], [4, 5, 6, 7]], [[8, 9, 10, 11], [12, 13, 14, 15]]]
    policy = distribute.share(numbers, devices).options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA
    assert distribute.share(numbers, tf.distribute.get_strategy()) is numbers


def test_several_steps_at_once_are_refused_on_several_devices(two_devices):
    numbers = tf.data.Dataset.range(8).batch(4, drop_remainder=True)
    for strategy in (SimpleNamespace(num_replicas_in_sync=2, cluster_resolver=object()), two_devices):
        with pytest.raises(ValueError, match="On 2 devices `steps_per_execution` must be 1. Received: 5"):
            distribute.share(numbers, strategy, 5)
    assert distribute.share(numbers, tf.distribute.get_strategy(), 5) is numbers


@pytest.mark.parametrize("batch", [dict(batch_size=7, drop_remainder=True), dict(batch_size=8)])
def test_batches_that_cannot_be_shared_evenly_are_refused(batch, two_devices):
    with two_devices.scope():
        model = kerasgan.GAN(image_size=8)
        model.compile()
    images = tf.data.Dataset.from_tensor_slices(np.random.default_rng(0).uniform(-1, 1, (21, 8, 8, 1)))
    dataset = images.map(lambda image: tf.cast(image, tf.float32)).batch(**batch)
    with pytest.raises(ValueError, match=r"multiple of 2. Received: batches of the shape \((7|None), 8, 8, 1\)"):
        model.fit(dataset, verbose=0)
    assert int(model.step.numpy()) == 0


UNHEALTHY = """Graph execution error:
Collective ops is aborted by: Error reported from /job:worker/task:0: The following tasks are unhealthy:
/job:worker/replica:0/task:1
The tasks have crashed. Check the task logs for an earlier error.
"""


def test_tools_with_state_belong_to_the_devices_of_their_model(two_devices):
    makers = {
        "LeCam": lambda: {"penalty": kerasgan.penalties.LeCam()},
        "AdaptiveAugment": lambda: {"augment": kerasgan.augment.AdaptiveAugment()},
        "InstanceNoise": lambda: {"augment": [kerasgan.augment.InstanceNoise(decay_steps=10)]},
    }
    with two_devices.scope():
        model = kerasgan.GAN(image_size=8)
        for make in makers.values():
            model.compile(**make())
    for name, make in makers.items():
        with pytest.raises(ValueError, match=f"`{name}` must be created in the scope of the model's strategy"):
            model.compile(**make())
    kerasgan.GAN(image_size=8).compile(**makers["LeCam"]())


@pytest.mark.parametrize("tells", [True, False], ids=["TensorFlow tells", "it does not answer"])
def test_a_dead_worker_is_named_by_its_address(monkeypatch, tells):
    """Of three workers one is dead, and this is the chief."""
    cluster = SimpleNamespace(extended=SimpleNamespace(_in_multi_worker_mode=lambda: True))
    dead = f"127.0.0.1:{free_port()}"
    with listener() as alive:
        others = [f"127.0.0.1:{alive.getsockname()[1]}", dead]
        # In the first case no port answers, as one by one all end.
        workers = [dead, f"127.0.0.1:{free_port()}"] if tells else others
        describe(monkeypatch, {"chief": [f"127.0.0.1:{free_port()}"], "worker": workers}, kind="chief")
        named = re.escape(f"The training has lost worker 2 at {workers[1]}, and cannot continue")
        with pytest.raises(ConnectionError, match=named) as error:
            with distribute.naming_the_dead(cluster):
                raise tf.errors.UnavailableError(None, None, UNHEALTHY if tells else "Connection refused")
    assert len(str(error.value).splitlines()) == 1 and "--resume" in str(error.value)


def test_errors_of_one_machine_and_of_a_whole_cluster_stay_as_they_are(monkeypatch):
    with listener() as alive:
        workers = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{alive.getsockname()[1]}"]
        describe(monkeypatch, {"worker": workers})
        for several in (False, True):
            strategy = SimpleNamespace(extended=SimpleNamespace(_in_multi_worker_mode=lambda several=several: several))
            with pytest.raises(tf.errors.UnavailableError), distribute.naming_the_dead(strategy):
                raise tf.errors.UnavailableError(None, None, "")
