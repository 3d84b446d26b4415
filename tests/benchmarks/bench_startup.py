"""How long it takes to import kerasgan beside Keras alone, to answer `kerasgan --help`, and to make the first step of
`kerasgan train dcgan --data mnist`, in turns.

    python tests/benchmarks/bench_startup.py [rounds]

Each is a process of its own; the first round, which fills the caches of the disk, is not counted.
"""

import os
import statistics
import subprocess
import sys
import time

# Ends the process after the first step.
FIRST_STEP = """
import os, sys, tempfile
import kerasgan_cli, keras
keras.callbacks.CallbackList.on_train_batch_end = lambda *_, **__: os._exit(0)
out = os.path.join(tempfile.mkdtemp(), "run")
sys.argv = ["kerasgan", "train", "dcgan", "--data", "mnist", "--epochs", "1", "--batch-size", "64", "--out", out]
kerasgan_cli.main()
"""
COMMANDS = {
    "nothing": "pass",
    "import keras": "import keras",
    "import kerasgan": "import kerasgan",
    "kerasgan --help": "import sys, kerasgan_cli; sys.argv = ['kerasgan', '--help']; kerasgan_cli.main()",
    "first step": FIRST_STEP,
}


def main(rounds=7):
    seconds = {name: [] for name in COMMANDS}
    for turn in range(rounds + 1):
        for name, code in COMMANDS.items():
            start = time.perf_counter()
            environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    for name, values in seconds.items():
        print(f"{name:16} {statistics.median(values):.2f} s, from {min(values):.2f} to {max(values):.2f}")
    more = [ours - keras for ours, keras in zip(seconds["import kerasgan"], seconds["import keras"])]
    print(f"kerasgan takes {statistics.median(more):.2f} s more than Keras, from {min(more):.2f} to {max(more):.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
