"""How a model is saved: its arguments, its compile arguments, and every random state."""

import inspect

import keras


class SavesEverything:
    """Makes `save()`, `keras.models.load_model()` and `get_config()` keep what Keras alone would lose.

    The arguments of `__init__` are the configuration, and those of `compile` the compile configuration; no class
    repeats them. The random states are saved beside the weights.
    """

    def __new__(cls, *args, **kwargs):
        model = super().__new__(cls)
        # Kept aside from Keras's attribute tracking: networks among the arguments must not be saved twice.
        bound = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        arguments |= arguments.pop("kwargs", {})
        object.__setattr__(model, "_init_arguments", arguments)
        return model

    def get_config(self):
        config = {"name": self.name, "dtype": self.dtype_policy.name}
        for name, value in self._init_arguments.items():
            if name not in config and value is not None:
                config[name] = keras.saving.serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    def get_compile_config(self):
        if not self.compiled:
            return {}
        names = set()
        for cls in type(self).__mro__[: type(self).__mro__.index(SavesEverything)]:
            if "compile" in vars(cls):
                names |= set(inspect.signature(cls.compile).parameters) - {"self", "kwargs", "metrics"}
        values = {name: getattr(self, name) for name in sorted(names)} | {"metrics": self.sample_metrics}
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()}

    def compile_from_config(self, config):
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    def _random_states(self):
        saved = {id(variable) for variable in self.weights}
        return [variable for variable in self.variables if id(variable) not in saved]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras saves no random state: without it a resumed run would draw its noise again from the start.
        for i, state in enumerate(self._random_states()):
            store[f"random_state_{i}"] = state

    def load_own_variables(self, store):
        states = {name: store[name] for name in store.keys() if name.startswith("random_state_")}
        super().load_own_variables({name: store[name] for name in store.keys() if name not in states})
        for i, state in enumerate(self._random_states()):
            if f"random_state_{i}" in states:
                state.assign(states[f"random_state_{i}"][()])
