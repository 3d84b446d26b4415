"""Which of the contract's checks run by default: all for every model, but the dear ones only for the models named here.

The others of the dear ones are marked slow, and run with `-m slow` or `-m ""`.
"""

import pytest

DEAR = (
    "test_ways_of_executing_agree",
    "test_mixed_precision_trains",
    "test_interrupted_training_equals_uninterrupted",
    "test_two_devices_equal_one",
)
BY_DEFAULT = ("GAN", "DCGAN", "ConditionalGAN of several conditions", "GANCLS")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.originalname in DEAR and item.callspec.params["case"] not in BY_DEFAULT:
            item.add_marker(pytest.mark.slow)
