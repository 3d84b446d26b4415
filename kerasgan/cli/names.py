"""Names on the command line: models, commands, and what a misspelt one may have meant."""

import difflib

import click

# What each model learns from, as `kerasgan.data.load_for` calls it. Named here, so that `--help`, completion and the
# answer to a misspelt name need no TensorFlow.
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
# The zoo's spellings, beside those that differ by lines and capitals only.
ALIASES = {"cgan": "conditionalgan", "dtn": "domaintransfernetwork", "twostream": "twostreamgenerator"}


def nearest(name, known):
    """Returns " Did you mean ...?" where a known name is near, else nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


class ModelName(click.Choice):
    """The name of a model, as its class, its paper or the zoo spells it: dcgan, wgan_gp, WGAN-GP, cgan."""

    def __init__(self):
        super().__init__(tuple(MODELS))

    def convert(self, value, param, ctx):
        plain = value.lower().replace("_", "").replace("-", "")
        plain = ALIASES.get(plain, plain)
        if plain in MODELS:
            return plain
        if plain == "stackgan":
            self.fail("It is trained in two stages: stackganstage1, then stackganstage2 --from its run.", param, ctx)
        names = ", ".join(MODELS)
        self.fail(f"{value!r} is not one of {names}.{nearest(plain, [*MODELS, *ALIASES])}", param, ctx)


class Commands(click.Group):
    """A group of commands that says which one a misspelt name may have meant."""

    def resolve_command(self, ctx, args):
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"No such command {name!r}.{nearest(name, self.commands)}")
        return super().resolve_command(ctx, args)
