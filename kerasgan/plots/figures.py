"""matplotlib's figures, without windows."""

import functools
import io


@functools.cache
def figure_class():
    """Returns matplotlib's figure with what notebooks ask for: they know the plain one only after pyplot's import."""
    import matplotlib.figure

    class Figure(matplotlib.figure.Figure):
        def _repr_png_(self):
            drawn = io.BytesIO()
            self.savefig(drawn, format="png")
            return drawn.getvalue()

    return Figure
