"""Scores with their protocol, so that numbers of different protocols are not compared by mistake."""

import dataclasses
import functools
import json
import platform
from importlib import metadata

# scores with different seeds or versions measure the same quantity, so these may differ
NOT_PROTOCOL = ("value", "sd", "seed", "versions")


def library_versions():
    """Returns the versions of the libraries that a score depends on."""
    names = ("kerasgan", "tensorflow", "keras", "numpy")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


def size_in_words(generated, real=()):
    """Returns `Score.image_size` for the sets of (height, width) of generated and real images."""
    words = lambda sizes: ", ".join(f"{h or 'any'}x{w or 'any'}" for h, w in sorted(sizes, key=str))  # noqa: E731
    if not generated:
        return None
    return words(generated) + (f" (real {words(real)})" if real and real != generated else "")


@functools.total_ordering
@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """A number with the protocol of its measurement.

    Scores of different protocols cannot be subtracted, ordered or compared: the error names the fields that differ.
    `seed` and `versions` may differ.

    Args:
        value: float.
        metric: str, e.g. "frechet_distance".
        extractor: str, the name of the extractor; None for metrics of pixels.
        weights_hash: str, SHA-256 of its weights (`weights_hash`); None if they are unknown.
        resize: str, the resize rule.
        image_size: str, height and width of the generated images before resizing, such as "64x64". The size of the real
            images is added if it differs. None if the metric uses no images.
        num_real: int, the number of real images; 0 for metrics that use none.
        num_generated: int, the number of generated images.
        dataset: str, the data set of the real images.
        split: str, the split of the data set.
        seed: int, the seed of the generated images.
        truncation: float, the truncation of the latents; None without truncation.
        precision: str, the dtype policy of the extractor.
        sd: float, the standard deviation over subsets, splits or repetitions; None for a single value.
        settings: dict of further settings of the metric, e.g. {"k": 3}.
        versions: dict, library -> version. Default: the installed versions.

    Example:

    >>> from kerasgan.metrics import Score
    >>> a = Score(12.5, metric="frechet_distance", num_real=10000, num_generated=10000)
    >>> b = Score(11.0, metric="frechet_distance", num_real=10000, num_generated=10000)
    >>> a - b, b < a
    (1.5, True)
    """

    value: float
    metric: str
    extractor: str | None = None
    weights_hash: str | None = None
    resize: str | None = None
    num_real: int = 0
    num_generated: int = 0
    dataset: str | None = None
    split: str | None = None
    seed: int | None = None
    truncation: float | None = None
    precision: str = "float32"
    sd: float | None = None
    settings: dict = dataclasses.field(default_factory=dict)
    image_size: str | None = None
    versions: dict = dataclasses.field(default_factory=library_versions)

    def protocol(self):
        """Returns a dict of the fields that must be equal to compare two scores."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if name not in NOT_PROTOCOL}

    def _check(self, other):
        mine, theirs = self.protocol(), other.protocol()
        differing = [f"{name}: {mine[name]!r} != {theirs[name]!r}" for name in mine if mine[name] != theirs[name]]
        if differing:
            raise ValueError(f"Compared scores must have the same protocol. They differ in {'; '.join(differing)}")

    def __float__(self):
        return float(self.value)

    def __sub__(self, other):
        if not isinstance(other, Score):
            return NotImplemented
        self._check(other)
        return self.value - other.value

    def __eq__(self, other):
        if not isinstance(other, Score):
            return NotImplemented
        self._check(other)
        return self.value == other.value

    def __lt__(self, other):
        if not isinstance(other, Score):
            return NotImplemented
        self._check(other)
        return self.value < other.value

    __hash__ = None

    def __str__(self):
        sd = "" if self.sd is None else f" +/- {self.sd:.2g}"
        parts = [
            f"{self.metric} {self.value:.6g}{sd}",
            self.extractor and f"extractor {self.extractor} ({(self.weights_hash or 'weights unknown')[:15]})",
            self.image_size and f"images {self.image_size}",
            self.resize and f"resize {self.resize}",
            f"{self.num_real} real / {self.num_generated} generated",
            self.dataset and f"data {self.dataset}{'/' + self.split if self.split else ''}",
            self.seed is not None and f"seed {self.seed}",
            self.truncation is not None and f"truncation {self.truncation}",
            self.precision,
            ", ".join(f"{name} {value}" for name, value in self.settings.items()),
            ", ".join(f"{name} {value}" for name, value in self.versions.items()),
        ]
        return " | ".join(part for part in parts if part)

    def to_json(self):
        """Returns one line of JSON with every field."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text):
        """Returns the score written by `to_json`. `image_size` may be missing.

        Raises:
            ValueError: if the text is not a JSON object, or if fields are missing or unknown.
        """
        fields = json.loads(text)
        known = {field.name for field in dataclasses.fields(cls)}
        # Scores of older versions have no image size.
        if not isinstance(fields, dict) or set(fields) | {"image_size"} != known:
            raise ValueError(
                f"A score must hold the fields {sorted(known)}. Received: "
                f"{sorted(fields) if isinstance(fields, dict) else type(fields).__name__}"
            )
        return cls(**fields)
