"""What a user passes: names that are not known are refused with the nearest known one, integers of any kind are taken.

Nothing here needs TensorFlow, so the command line can use it too.
"""

import difflib
import inspect
import numbers

# Classes of these packages pass all further keywords on; a user's class may take some of them for itself.
_STRICT = ("kerasgan", "keras")


def did_you_mean(name, known):
    """Returns " Did you mean 'x'?" for the known name nearest to `name`, or "" where none is near.

    Example:

    >>> did_you_mean("genrator", ["generator", "discriminator"])
    " Did you mean 'generator'?"
    """
    lower = {str(other).lower(): str(other) for other in known}
    near = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f" Did you mean {lower[near[0]]!r}?" if near else ""


def refuse_unknown(given, known, what):
    """Raises a TypeError for the first of the names `given` that is not among `known`, the arguments of `what`."""
    for name in given:
        if name not in known:
            known = sorted(set(known) - {"self"})
            raise TypeError(f"{what} has no argument {name!r}.{did_you_mean(name, known)} It has: {', '.join(known)}")


def named_arguments(cls):
    """Returns the names of the arguments of a class, and whether there can be others that no signature names.

    A constructor with `**kwargs` is taken to pass these on to the next class, one with `**settings` to keep them.
    """
    names = []
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        names += [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        catch_all = [p.name for p in parameters if p.kind == p.VAR_KEYWORD]
        if not catch_all:
            return names, False
        if catch_all == ["settings"]:  # the constructor takes and checks them itself
            return names, True
        if base.__module__.partition(".")[0] not in _STRICT:
            return names, True
    return names, False


def all_named_arguments(cls):
    """Returns the names that stand in the signatures of all constructors of a class and of those it derives from."""
    initializers = [vars(base)["__init__"] for base in cls.__mro__[:-1] if "__init__" in vars(base)]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = [p for init in initializers for p in list(inspect.signature(init).parameters.values())[1:]]
    return [p.name for p in found if p.kind not in kinds]


class TakesNumPyInts(type):
    """Makes a class whose constructor gets Python's ints where NumPy's were given, as Keras's layers demand."""

    @property
    def __signature__(cls):
        """The constructor's, which `help` and editors would not see behind `__call__`."""
        return inspect.Signature(list(inspect.signature(cls.__init__).parameters.values())[1:])

    def __call__(cls, *args, **kwargs):
        plain = lambda value: int(value) if hasattr(value, "dtype") and isinstance(value, numbers.Integral) else value  # noqa: E731
        return super().__call__(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})


class KnowsItsArguments:
    """Mixed into a class: its constructor refuses a keyword that nothing takes, and names the nearest that there is.

    Example:

    >>> kerasgan.callbacks.SampleGrid(directry="samples")
    Traceback (most recent call last):
    TypeError: SampleGrid has no argument 'directry'. Did you mean 'directory'? It has: ...
    """

    def __new__(cls, *args, **kwargs):
        names, others = named_arguments(cls)
        if not others:
            refuse_unknown(kwargs, names, cls.__name__)
        make = super().__new__
        return make(cls) if make is object.__new__ else make(cls, *args, **kwargs)


def whole(value, least=1):
    """Returns a number as an int, NumPy's included, or None where it is not whole or below `least`.

    Example:

    >>> import numpy as np
    >>> whole(np.int64(2)), whole(2.5), whole("2")
    (2, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or value != value or abs(value) == float("inf"):
        return None
    return int(value) if value == int(value) and value >= least else None


def positive_int(name, value, least=1):
    """Returns `value` as an int, or raises the ValueError of an argument called `name`."""
    number = whole(value, least)
    if number is None:
        raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {value!r}")
    return number
