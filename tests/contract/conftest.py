"""Which of the contract's checks run by default: all for the models of `BY_DEFAULT`, the cheap ones for every model.

The others are marked slow, and run with `-m slow` or `-m ""`. `.ci/run` also runs those of `OFTEN` for every model.
"""

import pathlib

import pytest

HERE = pathlib.Path(__file__).parent
DEAR = (
    "test_ways_of_executing_agree",
    "test_mixed_precision_trains",
    "test_interrupted_training_equals_uninterrupted",
    "test_two_devices_equal_one",
    "test_xla_compiles_a_step_once",
    "test_a_loss_of_two_methods_is_enough",
)
# Checks that take seconds for a model.
OFTEN = (
    "test_evaluate_returns_losses_and_compiled_metrics_and_leaves_no_trace",
    "test_evaluate_of_what_is_no_game_or_needs_labels_leaves_no_trace",
    "test_evaluation_counts_images_not_batches",
    "test_validation_equals_evaluation",
    "test_evaluation_without_an_average_changes_no_statistics",
    "test_precision_belongs_to_every_layer_and_to_the_file",
    "test_frozen_layers_stay_as_they_are_and_are_remembered",
    "test_export_serves_what_generate_gives",
    "test_default_model_is_built_compiled_and_described",
    "test_penalties_of_weights_are_part_of_the_generator_s_loss",
)
BY_DEFAULT = ("DCGAN", "ConditionalGAN of several conditions")
# The pool of CycleGAN once made XLA compile every step anew.
COMPILED_BY_DEFAULT = ("CycleGAN",)
# Tools in a model that has its own case: by default only what they could break in any of them.
TOOLS = (
    "GAN to thresholds",
    "GAN with a composed discriminator",
    "GAN with regularisers",
    "StyleGAN2 with the pipe of ADA",
    "R3GAN with labels",
    "DCGAN with options",
    "GANCLS with options",
    "Autoencoder with remembered places",
    "ADDA on the source",
    "Pix2PixHD with styles",
)
OF_TOOLS = ("test_logs_are_finite_and_named", "test_save_and_load_restore_everything")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent != HERE or not hasattr(item, "callspec"):  # this hook sees the tests of all folders
            continue
        case = item.callspec.params["case"]
        compiled = item.originalname == "test_xla_compiles_a_step_once"
        dear = item.originalname in DEAR + OFTEN and case not in (COMPILED_BY_DEFAULT if compiled else BY_DEFAULT)
        if dear or (case in TOOLS and item.originalname not in OF_TOOLS):
            item.add_marker(pytest.mark.slow)
