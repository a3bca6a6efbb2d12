"""
The part of ROS 2's package `launch` that our launch files use, where ROS 2 is not installed.

Signatures and behaviour are those of Humble and Jazzy; nothing is started: what would be is listed by
`LaunchDescription.visit`.
"""


class Substitution:
    """A text that is known only when a description is visited."""

    def perform(self, context):
        raise NotImplementedError


class LaunchContext:
    """What the visited actions share."""

    def __init__(self, arguments, environment):
        self.launch_configurations = dict(arguments)
        self.environment = dict(environment)


class Action:
    """Something that a description does."""

    def __init__(self, *, condition=None):
        self.condition = condition

    def visit(self, context):
        """Executes the action; returns the processes and messages that it leads to."""
        return [entity for action in self.execute(context) or [] for entity in action.visit(context)]

    def execute(self, context):
        raise NotImplementedError


class LaunchDescription:
    """A list of actions."""

    def __init__(self, initial_entities=None):
        self.entities = list(initial_entities or [])

    def visit(self, context):
        """Executes all actions in order; returns the processes and messages."""
        return [entity for action in self.entities for entity in action.visit(context)]


def substitutions_of(given):
    """As `launch.utilities.normalize_to_list_of_substitutions`: text, a substitution, or several of them."""
    from .substitutions import TextSubstitution

    def one(item):
        if isinstance(item, Substitution):
            return item
        if isinstance(item, str):
            return TextSubstitution(text=item)
        raise TypeError(f'{item!r} of {type(item)}, when only text or a Substitution were expected')

    return [one(given)] if isinstance(given, (str, Substitution)) else [one(item) for item in given]


def perform(context, given):
    """The text of what `substitutions_of` takes."""
    return ''.join(substitution.perform(context) for substitution in substitutions_of(given))
