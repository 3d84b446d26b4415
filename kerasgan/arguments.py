"""Checks of arguments: unknown names are refused with a suggestion, and integers of NumPy are accepted.

This module does not need TensorFlow, so the command line can use it, too.
"""

import difflib
import inspect
import numbers

# Classes of these packages pass on all further keywords. A user's class may use some of them itself.
_STRICT = ("kerasgan", "keras")


def did_you_mean(name, known):
    """Returns " Did you mean 'x'?" for the known name most similar to `name`, or "" if there is none.

    Example:

    >>> did_you_mean("genrator", ["generator", "discriminator"])
    " Did you mean 'generator'?"
    """
    lower = {str(other).lower(): str(other) for other in known}
    near = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f" Did you mean {lower[near[0]]!r}?" if near else ""


def refuse_unknown(given, known, what):
    """Raises a TypeError for the first of the names `given` that is not in `known`, the arguments of `what`."""
    for name in given:
        if name not in known:
            known = sorted(set(known) - {"self"})
            raise TypeError(f"{what} has no argument {name!r}.{did_you_mean(name, known)} It has: {', '.join(known)}")


def named_arguments(cls):
    """Returns the names of the arguments of a class, and whether it may accept others.

    A constructor with `**kwargs` is assumed to pass these on to the next class, and one with `**settings` to use them.
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
        if catch_all == ["settings"]:  # the constructor checks them itself
            return names, True
        if base.__module__.partition(".")[0] not in _STRICT:
            return names, True
    return names, False


def all_named_arguments(cls):
    """Returns the argument names of all constructors of a class and its base classes."""
    initializers = [vars(base)["__init__"] for base in cls.__mro__[:-1] if "__init__" in vars(base)]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = [p for init in initializers for p in list(inspect.signature(init).parameters.values())[1:]]
    return [p.name for p in found if p.kind not in kinds]


class TakesNumPyInts(type):
    """A metaclass that converts NumPy's integers to int before it calls the constructor, as Keras's layers need int."""

    @property
    def __signature__(cls):
        """The signature of the constructor, which `__call__` would hide from `help` and editors."""
        return inspect.Signature(list(inspect.signature(cls.__init__).parameters.values())[1:])

    def __call__(cls, *args, **kwargs):
        plain = lambda value: int(value) if hasattr(value, "dtype") and isinstance(value, numbers.Integral) else value  # noqa: E731
        return super().__call__(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})


class KnowsItsArguments:
    """A mixin that refuses unknown keywords of the constructor and suggests the most similar name.

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
    """Returns a number (also of NumPy) as an int, or None if it is not an integer or is below `least`.

    Example:

    >>> import numpy as np
    >>> whole(np.int64(2)), whole(2.5), whole("2")
    (2, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or value != value or abs(value) == float("inf"):
        return None
    return int(value) if value == int(value) and value >= least else None


def positive_int(name, value, least=1):
    """Returns `value` as an int, or raises a ValueError for the argument `name`."""
    number = whole(value, least)
    if number is None:
        raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {value!r}")
    return number
