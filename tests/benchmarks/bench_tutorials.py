"""Measures the processor time of each tutorial, from start to end in a new process.

Command:   python tests/benchmarks/bench_tutorials.py [NUMBER ...]

The processor time of all threads hardly depends on what else the machine does. On two idle cores, a tutorial takes at
least half of it.
"""

import pathlib
import resource
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parents[2] / "tutorials"


def processor_seconds(path):
    """Runs a tutorial in an empty folder. Returns the seconds of user and system time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, path], cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))


def main(numbers):
    for path in sorted(FOLDER.glob("[0-9]*.py")):
        if not numbers or path.stem[:2] in numbers:
            seconds = processor_seconds(path)
            print(f"{path.stem:32} {seconds:6.0f} s  {seconds / 60:5.1f} min", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
