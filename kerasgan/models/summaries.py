"""Summaries of a model's networks."""


def _shapes(tensors):
    """Formats the shapes of a network's inputs or outputs without the batch. Subclassed models have none."""
    if not tensors:
        return "?"
    return " ".join("x".join("any" if side is None else str(side) for side in tensor.shape[1:]) for tensor in tensors)


def _trainable(network):
    return sum(int(variable.shape.num_elements()) for variable in network.trainable_variables)


class Summarises:
    """Gives a model a `summary` with one row for each network and its moving average."""

    def summary(self, expand_nested=False, print_fn=print):
        """Prints a row for each network: its input and output, its parameters, and its moving average.

        Args:
            expand_nested: bool. True also prints the summary of each network, layer by layer.
            print_fn: callable of a string. Defaults to `print`.

        Example:

        >>> model = kerasgan.DCGAN(image_size=16, width=2, name="dcgan")
        >>> model.compile(ema_decay=0.99)
        >>> model.summary()
        DCGAN "dcgan"
        network        input    output   parameters  trainable  averaged
        generator      100      16x16x3       6,777      6,765  by 0.99
        discriminator  16x16x3  1               433        425  -
        7,210 parameters, and 6,777 of averages
        """
        rows = [("network", "input", "output", "parameters", "trainable", "averaged")]
        networks = {name: getattr(self, name) for name in self.network_names}
        averages = {name: getattr(self, f"ema_{name}", None) for name in networks}
        for name, network in networks.items():
            counts = f"{network.count_params():,}", f"{_trainable(network):,}"
            decay = self.ema_decay if not callable(self.ema_decay) else type(self.ema_decay).__name__
            averaged = "-" if averages[name] is None else f"by {decay}"
            shapes = [_shapes(getattr(network, side, None)) for side in ("inputs", "outputs")]
            rows.append((name, *shapes, *counts, averaged))
        widths = [max(map(len, column)) for column in zip(*rows)]
        print_fn(f'{type(self).__name__} "{self.name}"')
        for row in rows:
            cells = [cell.rjust(w) if i in (3, 4) else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths))]
            print_fn("  ".join(cells).rstrip())
        total = sum(network.count_params() for network in networks.values())
        copies = sum(average.count_params() for average in averages.values() if average is not None)
        print_fn(f"{total:,} parameters" + (f", and {copies:,} of averages" if copies else ""))
        for network in networks.values() if expand_nested else ():
            network.summary(print_fn=print_fn)
