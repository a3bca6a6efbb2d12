"""The action `Node`."""

import re
import tempfile

import yaml
from launch import Action, perform
from launch.actions import ExecuteProcess

NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
NAMESPACE = re.compile(r'/|(/[A-Za-z_][A-Za-z0-9_]*)+')


def prefix_namespace(base, namespace):
    """As `launch_ros.utilities.prefix_namespace`, made absolute."""
    if namespace is None or base is None:
        combined = base if namespace is None else namespace
    else:
        combined = namespace if namespace.startswith('/') else f'{base}/{namespace}'
    if combined is None:
        return None
    return '/' + combined.strip('/')


class PushRosNamespace(Action):
    def __init__(self, namespace, **kwargs):
        super().__init__(**kwargs)
        self.namespace = namespace

    def execute(self, context):
        base = context.launch_configurations.get('ros_namespace')
        context.launch_configurations['ros_namespace'] = prefix_namespace(base, perform(context, self.namespace))


class Node(ExecuteProcess):
    """
    A ROS node. After a visit `full_name`, `values` (its parameters) and `remaps` are what it is started with, and
    `command` the command line, in which `PACKAGE/EXECUTABLE` stands for the executable's path.
    """

    def __init__(self, *, executable, package=None, name=None, namespace=None, exec_name=None, parameters=None,
                 remappings=None, ros_arguments=None, arguments=None, **kwargs):
        super().__init__(cmd=[f'{package}/{executable}', *(arguments or [])], name=exec_name, **kwargs)
        self.package, self.executable, self.node_name, self.namespace = package, executable, name, namespace
        for value in (parameters, remappings):
            if value is not None and not isinstance(value, list):
                raise TypeError(f'{value!r} is no list')
        self.parameters, self.remappings = parameters or [], remappings or []

    def visit(self, context):
        given = None if self.namespace is None else perform(context, self.namespace)
        namespace = prefix_namespace(context.launch_configurations.get('ros_namespace'), given)
        name = perform(context, self.node_name)
        if not NAME.fullmatch(name):
            raise ValueError(f'node name {name!r}')
        if namespace is not None and not NAMESPACE.fullmatch(namespace):
            raise ValueError(f'namespace {namespace!r}')
        self.full_name = f'{(namespace or "").rstrip("/")}/{name}'
        self.values, self.files = {}, []
        self.remaps = {perform(context, old): perform(context, new) for old, new in self.remappings}
        super().visit(context)
        self.command += ['--ros-args', '-r', f'__node:={name}']
        if namespace is not None:
            self.command += ['-r', f'__ns:={namespace}']
        for item in self.parameters:
            if isinstance(item, dict):
                values = {perform(context, key): evaluated(context, value) for key, value in item.items()}
                self.values |= values
                file = written({'/**' if namespace is None else self.full_name: {'ros__parameters': values}})
            else:
                file = perform(context, item)
                self.files.append(file)
            self.command += ['--params-file', file]
        for old, new in self.remaps.items():
            self.command += ['-r', f'{old}:={new}']
        return [self]


def evaluated(context, value):
    """A parameter's value: Python's own types stay as they are; a substitution's text is read as YAML."""
    if isinstance(value, (bool, int, float, str)):
        return value
    value = yaml.safe_load(perform(context, value))
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(f'{value!r} is no value of a parameter')
    return value


def written(parameters):
    with tempfile.NamedTemporaryFile('w', prefix='launch_params_', delete=False) as file:
        yaml.dump(parameters, file, default_flow_style=False)
    return file.name
