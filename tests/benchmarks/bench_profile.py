"""Where a training step's time goes: the operations of kerasgan's step, by TensorFlow's profiler.

    python tests/benchmarks/bench_profile.py [dcgan28] [--default] [--top 15]

The cases, and "best" and "default", are those of `bench_training.py`. Printed are, a step, the milliseconds and the
calls of each kind of operation, summed over the threads, which work at the same time.
"""

import argparse
import collections
import pathlib
import tempfile

import bench_training
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2


def traced(run):
    """Returns Counters of the milliseconds and of the calls of each kind of operation while `run()` lasts."""
    milliseconds, calls = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        run()
        tf.profiler.experimental.stop()
        (file,) = pathlib.Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name, _, operation = plane.event_metadata[event.metadata_id].name.rpartition(":")
            # "conv2d_1/Conv2D:_MklNativeConv2D", but not "ExecutorState::Process" or "EagerExecute: MakeIterator"
            if name and not name.endswith(":") and not operation.startswith(" "):
                milliseconds[operation] += event.duration_ps / 1e9
                calls[operation] += 1
    return milliseconds, calls


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="?", default="dcgan28", choices=bench_training.BATCH)
    parser.add_argument("--default", action="store_true", help="as compiled without options, in place of best")
    parser.add_argument("--top", type=int, default=15)
    options = parser.parse_args()

    train = bench_training.kerasgan_fit(options.case, best=not options.default)
    steps = bench_training.STEPS_PER_EXECUTION[options.case]
    train(2 * steps)
    print(f"{'a step without the profiler':40s} {train(4 * steps) / (4 * steps) * 1e3:8.2f} ms")
    milliseconds, calls = traced(lambda: train(steps))
    print(f"{'all operations':40s} {sum(milliseconds.values()) / steps:8.2f} ms")
    for operation, total in milliseconds.most_common(options.top):
        print(f"{operation:40s} {total / steps:8.2f} ms {calls[operation] / steps:8.1f} calls")


if __name__ == "__main__":
    main()
