"""Saving of models: arguments of `__init__` and `compile`, and every random state."""

import contextlib
import functools
import inspect

import keras

# An entry of the configuration that is not an argument: changes of the model since its creation.
AFTER_INIT = "after_init"
KINDS = inspect.Parameter


class _Presets:
    """A read-only attribute of a class: its presets."""

    def __get__(self, model, cls):
        from kerasgan import models, zoo

        listed = zoo.list_models(details=True)
        of_class = [each for each in listed if issubclass(getattr(models, each["class"], object), cls)]
        return {each["name"]: each["description"] for each in of_class}


class SavesEverything:
    """Mixin for saving and loading of the complete model.

    The arguments of `__init__` are the configuration, and those of `compile` the compile configuration, without code in
    the classes. They include arguments that are None, and arguments in `**options` or `*args`. An argument of `compile`
    must be stored as an attribute of its name. Random states are saved with the weights.

    The dtype policy `dtype`, or the global one, applies to every layer that `__init__` and `compile` create, also in
    subclasses. Networks that were created before keep their own.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in ("__init__", "compile"):
            if name in vars(cls):
                setattr(cls, name, _in_own_policy(vars(cls)[name]))

    def __new__(cls, *args, **kwargs):
        model = super().__new__(cls)
        # Hidden from Keras's tracking, as networks among the arguments must not be saved twice.
        bound = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        for parameter in _parameters(cls.__init__):
            if parameter.kind is KINDS.VAR_KEYWORD:
                arguments |= arguments.pop(parameter.name)
            elif parameter.kind is KINDS.VAR_POSITIONAL and not arguments[parameter.name]:
                del arguments[parameter.name]
        object.__setattr__(model, "_init_arguments", arguments)
        return model

    def get_config(self):
        config = {"name": self.name, "dtype": self.dtype_policy.name}
        for name, value in self._init_arguments.items():
            if name not in config:
                # A tuple would be loaded as a list, so it is stored as one.
                value = list(value) if isinstance(value, tuple) else value
                config[name] = keras.saving.serialize_keras_object(value)
        changes = self.changes()
        return config | ({AFTER_INIT: changes} if changes else {})

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        changes = config.pop(AFTER_INIT, {})
        with policy(config.get("dtype")):
            values = {name: keras.saving.deserialize_keras_object(value) for name, value in config.items()}
            model = _construct(cls, values)
        if changes:
            model.repeat_changes(changes)
        return model

    def changes(self):
        """Returns the changes of the model since its creation as plain JSON values, or {}."""
        return {}

    def repeat_changes(self, changes):
        """Applies the `changes()` of a saved model to a new one."""

    def get_compile_config(self):
        if not self.compiled:
            return {}
        names = set()
        for cls in type(self).__mro__[: type(self).__mro__.index(SavesEverything)]:
            if "compile" in vars(cls):
                names |= {p.name for p in _parameters(cls.compile) if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        values = {name: self._compile_value(name) for name in sorted(names - {"metrics"})}
        if "metrics" in names:  # Keras has a property of that name
            values["metrics"] = self.sample_metrics
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()}

    def _compile_value(self, name):
        if name in self._execution:
            return self._execution[name]
        if not hasattr(self, name):
            raise ValueError(
                f"To be saved, `{type(self).__name__}.compile` must keep its argument `{name}` as an attribute: write "
                f"`self.{name} = {name}`."
            )
        return getattr(self, name)

    def compile_from_config(self, config):
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    # Presets: the zoo's trained models, and folders. -----------------------------------------------------------------

    # {name: description} of the zoo's models of this class and its subclasses.
    presets = _Presets()

    @classmethod
    def from_preset(cls, preset):
        """Loads a trained model of this class, compiled: see `kerasgan.load_preset`.

        Args:
            preset: str, one of `cls.presets`, or a folder of `save_to_preset`.

        Returns:
            The model.

        Raises:
            ValueError: if there is no such preset, it has another class, or a file is invalid.

        Example:

        >>> model = kerasgan.DCGAN.from_preset("dcgan_mnist")
        >>> model.generate(2, seed=1).shape
        (2, 28, 28, 1)
        """
        from kerasgan import zoo

        model = zoo.load_preset(preset)
        if not isinstance(model, cls):
            raise ValueError(
                f"`preset` must be a {cls.__name__}: {', '.join(cls.presets) or 'the zoo has none'}, or a folder. "
                f"Received: {str(preset)!r}, a {type(model).__name__}. Remedy: `kerasgan.load_preset({str(preset)!r})`"
            )
        return model

    def save_to_preset(self, folder):
        """Writes the networks and the configuration into a new folder, from which `from_preset` loads them.

        Sampling networks are stored with averaged weights if there are any. Optimizers and random states are left out;
        `save` includes them. The folder is written atomically.

        Args:
            folder: str or path, new or empty.

        Raises:
            ValueError: if `folder` is not empty, the model is not compiled, or a weight is not finite.

        Example:

        >>> model = kerasgan.DCGAN(image_size=16, width=4)
        >>> model.compile()
        >>> model.save_to_preset("my_dcgan")
        >>> kerasgan.DCGAN.from_preset("my_dcgan").image_size
        16
        """
        from kerasgan import zoo

        zoo.save_preset(self, folder)

    def _random_states(self):
        saved = {id(variable) for variable in super().weights}
        return [variable for variable in self.variables if id(variable) not in saved]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras does not save random states. Without them, a resumed run would repeat its noise from the start.
        for i, state in enumerate(self._random_states()):
            store[f"random_state_{i}"] = state

    def load_own_variables(self, store):
        states = {name: store[name] for name in store.keys() if name.startswith("random_state_")}
        super().load_own_variables({name: store[name] for name in store.keys() if name not in states})
        for i, state in enumerate(self._random_states()):
            if f"random_state_{i}" in states:
                state.assign(states[f"random_state_{i}"][()])


@contextlib.contextmanager
def policy(dtype):
    """Sets the global dtype policy within a block. None does not change it."""
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(keras.dtype_policies.get(dtype))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _in_own_policy(method):
    """Makes `__init__` or `compile` create layers with the model's dtype policy instead of the global one."""

    @functools.wraps(method)
    def wrapped(self, *args, **kwargs):
        # In `__init__`, the policy is known only from the arguments.
        own = getattr(self, "_dtype_policy", None) or kwargs.get("dtype") or self._init_arguments.get("dtype")
        with policy(own):
            return method(self, *args, **kwargs)

    # For `inspect.getfullargspec`, which Keras uses and which ignores wrapped functions.
    wrapped.__signature__ = inspect.signature(method)
    return wrapped


def _parameters(method):
    return list(inspect.signature(method).parameters.values())[1:]


def _construct(cls, values):
    """Calls `cls` with arguments by name, or by position for positional-only parameters."""
    parameters = _parameters(cls.__init__)
    rest = [values.pop(p.name, ()) for p in parameters if p.kind is p.VAR_POSITIONAL]
    first = []
    for parameter in parameters:
        by_position = parameter.kind is KINDS.POSITIONAL_ONLY
        by_position |= parameter.kind is KINDS.POSITIONAL_OR_KEYWORD and any(rest)
        if by_position and parameter.name in values:
            first.append(values.pop(parameter.name))
    known = {p.name for p in parameters}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    # Every configuration has these two, but a subclass may not accept them.
    aside = {key: values.pop(key) for key in ("name", "dtype") if key in values and key not in known and not open_ended}
    model = cls(*first, *(value for values_ in rest for value in values_), **values)
    if "name" in aside:
        model.name = aside["name"]
    return model
