"""The actions that our launch files use."""

from . import Action, Substitution, perform, substitutions_of


class DeclareLaunchArgument(Action):
    def __init__(self, name, *, default_value=None, description=None, choices=None, **kwargs):
        super().__init__(**kwargs)
        self.name, self.description, self.choices = name, description, choices
        self.default_value = None if default_value is None else substitutions_of(default_value)
        if choices is not None:
            if not choices:
                raise RuntimeError('Provided choices arg is empty. Use None to ignore the choice list.')
            known = default_value is not None and not isinstance(default_value, (Substitution, list))
            if known and default_value not in choices:
                raise RuntimeError(f'Provided default_value "{default_value}" is not in provided choices "{choices}".')

    def execute(self, context):
        if self.name not in context.launch_configurations:
            if self.default_value is None:
                raise RuntimeError(f'Required launch argument "{self.name}" was not provided.')
            context.launch_configurations[self.name] = perform(context, self.default_value)
        value = context.launch_configurations[self.name]
        if self.choices is not None and value not in self.choices:
            raise RuntimeError(f'Argument "{self.name}" provided value "{value}" is not valid. Valid options are: '
                               f'{self.choices}')


class OpaqueFunction(Action):
    def __init__(self, *, function, args=None, kwargs=None, **more):
        super().__init__(**more)
        self.function, self.args, self.kwargs = function, args or [], kwargs or {}

    def execute(self, context):
        return self.function(context, *self.args, **self.kwargs)


class LogInfo(Action):
    def __init__(self, *, msg, **kwargs):
        super().__init__(**kwargs)
        self.msg = substitutions_of(msg)

    def visit(self, context):
        self.text = perform(context, self.msg)
        return [self]


class Shutdown(Action):
    def __init__(self, *, reason='reason not given', **kwargs):
        super().__init__(**kwargs)
        self.reason = reason


class ExecuteProcess(Action):
    """After a visit `command` is the command line."""

    OUTPUTS = ('screen', 'log', 'both', 'own_log', 'full')

    def __init__(self, *, cmd, name=None, cwd=None, env=None, additional_env=None, shell=False, emulate_tty=False,
                 output='log', on_exit=None, respawn=False, respawn_delay=None, **kwargs):
        super().__init__(**kwargs)
        if output not in self.OUTPUTS:
            raise ValueError(f'output {output!r} is none of {self.OUTPUTS}')
        self.cmd = [substitutions_of(word) for word in cmd]
        self.name, self.on_exit = name, on_exit

    def visit(self, context):
        self.command = [perform(context, word) for word in self.cmd]
        return [self]
