"""The task of translating between two domains, in both directions."""

from kerasgan.models.tasks.image import FromImage


class BetweenDomains(FromImage):
    """Mixin for models that translate between domains A and B, with `generator_ab` and `generator_ba`.

    `fit` takes (domain_a, domain_b), unpaired batches. A is the source, B the target.
    """

    pair_names = ("domain_a", "domain_b")
    num_columns = 6

    def _channels_of(self, network):
        return self.source_channels if network in ("generator_ba", "discriminator_a") else self.channels

    def route(self, to="B"):
        """Returns the networks of a direction, averaged ones if there are any."""
        generators = {"B": "generator_ab", "A": "generator_ba"}
        if to not in generators:
            raise ValueError(f"`to` must be 'A' or 'B'. Received: {to!r}")
        return [self.sampler(generators[to])]

    def translate(self, images, to="B", batch_size=16, tile=None, overlap=None):
        """Translates images of any size, with the averaged translator if there is one.

        Args:
            images: float32 (n, height, width, channels of the other domain) in [-1, 1].
            to: `"B"` or `"A"`. Defaults to `"B"`.
            batch_size, tile, overlap: as in `Pix2Pix.translate`.

        Returns:
            float32 array (n, height, width, channels of the domain) in [-1, 1].
        """
        route = self.route(to)
        channels = self.channels if to == "A" else self.source_channels
        return self.predict_along(route, images, channels, None, batch_size, tile, overlap)

    def preview_row(self, a, b, seed):
        """Returns a | G(a) | F(G(a)) | b | F(b) | G(F(b))."""
        fake_b, fake_a = self.translate(a, to="B"), self.translate(b, to="A")
        return [a, fake_b, self.translate(fake_b, to="A"), b, fake_a, self.translate(fake_a, to="B")]

    def serving_functions(self):
        """Returns the endpoints of a SavedModel, from `images` to `images`: A to B (the default), and `to_a`."""
        to_a = self.route("A")
        images = self.served_images(to_a, self.channels)
        return super().serving_functions() | {"to_a": (lambda images: self.serve_along(to_a, images), [images])}
