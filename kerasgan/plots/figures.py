"""Figures of matplotlib without windows."""

import functools
import io


@functools.cache
def figure_class():
    """Returns a figure class that notebooks can display. Without pyplot, they do not display matplotlib's own."""
    import matplotlib.figure

    class Figure(matplotlib.figure.Figure):
        def _repr_png_(self):
            drawn = io.BytesIO()
            self.savefig(drawn, format="png")
            return drawn.getvalue()

    return Figure
