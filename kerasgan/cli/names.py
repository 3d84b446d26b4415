"""Names of models and commands, with suggestions for misspelt ones."""

import difflib

import click

# The task of each model, as in `kerasgan.data.load_for`. Listed here so that `--help`, completion and suggestions work
# without importing TensorFlow.
MODELS = {
    "acgan": "labels",
    "adda": "some_labels",
    "autoencoder": "images",
    "biggan": "labels",
    "conditionalgan": "labels",
    "cyclegan": "domains",
    "dann": "some_labels",
    "dcgan": "images",
    "domaintransfernetwork": "domains",
    "gan": "images",
    "gancls": "captions",
    "lsgan": "images",
    "pix2pix": "pairs",
    "pix2pixhd": "label_maps",
    "pixelda": "some_labels",
    "projectedgan": "images",
    "r3gan": "images",
    "sagan": "labels",
    "semisupervisedgan": "some_labels",
    "sngan": "images",
    "srgan": "super_resolution",
    "stackganstage1": "captions",
    "stackganstage2": "captions",
    "stylegan": "images",
    "stylegan2": "images",
    "twostreamgenerator": "views",
    "vid2vid": "films",
    "wgan": "images",
    "wgangp": "images",
}
# Short names used in the zoo.
ALIASES = {"cgan": "conditionalgan", "dtn": "domaintransfernetwork", "twostream": "twostreamgenerator"}


def nearest(name, known):
    """Returns " Did you mean ...?" if a known name is similar, else an empty string."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


class ModelName(click.Choice):
    """The name of a model in any common spelling: dcgan, wgan_gp, WGAN-GP, cgan."""

    def __init__(self):
        super().__init__(tuple(MODELS))

    def convert(self, value, param, ctx):
        plain = value.lower().replace("_", "").replace("-", "")
        plain = ALIASES.get(plain, plain)
        if plain in MODELS:
            return plain
        if plain == "stackgan":
            self.fail(
                "StackGAN is trained in two stages: first stackganstage1, then stackganstage2 with --from and the "
                "first run.",
                param,
                ctx,
            )
        names = ", ".join(MODELS)
        self.fail(f"{value!r} is not one of {names}.{nearest(plain, [*MODELS, *ALIASES])}", param, ctx)


class Commands(click.Group):
    """A group of commands that suggests a command for a misspelt name."""

    def resolve_command(self, ctx, args):
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"No such command {name!r}.{nearest(name, self.commands)}")
        return super().resolve_command(ctx, args)
