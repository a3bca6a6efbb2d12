"""The substitutions that our launch files use."""

from . import Substitution, perform


class TextSubstitution(Substitution):
    def __init__(self, *, text):
        if not isinstance(text, str):
            raise TypeError(f'{text!r} is no text')
        self.text = text

    def perform(self, context):
        return self.text


class LaunchConfiguration(Substitution):
    def __init__(self, variable_name, *, default=None):
        self.name, self.default = variable_name, default

    def perform(self, context):
        if self.name in context.launch_configurations:
            return context.launch_configurations[self.name]
        if self.default is None:
            raise KeyError(f"launch configuration '{self.name}' does not exist")
        return perform(context, self.default)


class EnvironmentVariable(Substitution):
    def __init__(self, name, *, default_value=None):
        self.name, self.default_value = name, default_value

    def perform(self, context):
        value = context.environment.get(self.name)
        if value is None and self.default_value is None:
            raise KeyError(f"environment variable '{self.name}' does not exist")
        return perform(context, self.default_value) if value is None else value
