"""Runs torch-fidelity's Inception with random weights; called by test_inception.py in an environment that has it.

    python oracle_fidelity.py FOLDER

reads images.npz (uint8 arrays real, fake and the sizes a, b, c) and writes weights.pth and answers.npz in FOLDER.
"""

import sys
import time
import types
from pathlib import Path
from unittest import mock

import numpy as np
import torch

# Inception needs no torchvision, whose compiled part must match the torch build
for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = types.ModuleType(name)
for name in ("CIFAR10", "STL10", "CIFAR100"):
    setattr(sys.modules["torchvision.datasets"], name, type(name, (), {}))
sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
sys.modules["torchvision.transforms"].functional = sys.modules["torchvision.transforms.functional"]

from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # noqa: E402
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric  # noqa: E402
from torch_fidelity.metric_isc import isc_features_to_metric  # noqa: E402
from torch_fidelity.metric_kid import kid_features_to_metric  # noqa: E402
from torch_fidelity.metric_prc import prc_features_to_metric  # noqa: E402

LAYERS = ["64", "192", "768", "2048", "logits_unbiased"]


def random_weights(path):
    with mock.patch("torch.load"), mock.patch.object(FeatureExtractorInceptionV3, "load_state_dict"):
        network = FeatureExtractorInceptionV3("random", LAYERS, "none")
    generator = torch.Generator().manual_seed(0)
    state = network.state_dict()
    for name, value in state.items():
        if value.ndim == 4:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        elif name.endswith(("running_var", "bn.weight")):
            value.uniform_(0.8, 1.2, generator=generator)
        elif value.is_floating_point():
            value.normal_(0, 0.1, generator=generator)
    torch.save(state, path)


def main(folder):
    torch.set_num_threads(2)
    random_weights(folder / "weights.pth")
    network = FeatureExtractorInceptionV3("random", LAYERS, str(folder / "weights.pth"))
    answers, found = {}, {}
    images = np.load(folder / "images.npz")
    for key in images.files:
        start = time.time()
        batches = torch.from_numpy(images[key]).permute(0, 3, 1, 2).split(16)
        found[key] = [torch.cat(parts) for parts in zip(*(network(batch) for batch in batches))]
        answers[f"{key} seconds"] = time.time() - start
        answers |= {f"{key} {layer}": value.numpy() for layer, value in zip(LAYERS, found[key])}
    real, fake = found["real"], found["fake"]
    answers["fid"] = []
    for layer in (0, 3):
        statistics = [fid_features_to_statistics(features[layer]) for features in (fake, real)]
        answers["fid"] += fid_statistics_to_metric(*statistics, False).values()
    options = {"kid_subsets": 10, "kid_subset_size": 20, "rng_seed": 2020, "verbose": False}
    answers["kid"] = list(kid_features_to_metric(fake[3], real[3], **options).values())
    answers["isc"] = list(isc_features_to_metric(fake[4], splits=4, shuffle=False).values())
    answers["prc"] = list(prc_features_to_metric(fake[3], real[3], verbose=False).values())[:2]
    np.savez(folder / "answers.npz", **answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
