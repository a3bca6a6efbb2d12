"""What the sources of the nodes say: the programs, and the parameters and topics that each declares."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TYPES = {'bool': bool, 'integer': int, 'double': float, 'string': str}
# Names that hold arms, views and tools stand in the sources as {arm} and the like.
PLACEHOLDER = re.compile(r'\{\w*(\.\w+)*\}')


def programs():
    """Returns the main file of each program of `nodes/`, by the program's name."""
    found = {}
    for manifest in ROOT.glob('nodes/*/Cargo.toml'):
        crate = tomllib.loads(manifest.read_text())
        bins = crate.get('bin') or [{'name': crate['package']['name'], 'path': 'src/main.rs'}]
        found |= {entry['name']: manifest.parent / entry['path'] for entry in bins}
    return found


def sources(program):
    """Returns the sources of a program's node, from the function that its main file runs along `use crate::…`."""
    main = programs()[program]
    src = next(parent for parent in main.parents if parent.name == 'src')
    modules = {path.parent.name if path.name == 'mod.rs' else path.stem: path for path in src.rglob('*.rs')}
    entry = re.search(r'run_process\(\s*"\w+",\s*\w+::(\w+)::run', main.read_text())[1]
    reached, todo = {}, [entry]
    while todo:
        module = todo.pop()
        if module in modules and module not in reached:
            reached[module] = modules[module].read_text().split('#[cfg(test)]')[0]
            todo += re.findall(r'\w+', ' '.join(re.findall(r'use crate::([^;]*);', reached[module])))
    return list(reached.values())


class Parameter:
    """A declared parameter: the type of its values, and the texts that it may be (none: any)."""

    def __init__(self, type, choices):
        self.type, self.choices = type, choices


def parameters(program):
    """Returns what a program's node declares, by the pattern of the name."""
    found = {}
    for source in sources(program):
        starts = [match.start() for match in re.finditer(r'Declaration::(new|text)\(', source)]
        for start, end in zip(starts, [*starts[1:], len(source)]):
            declaration = source[start:end]
            head = re.match(r'Declaration::(new|text)\(\s*(?:&format!\()?"([^"]*)"\)?,\s*([^,()\s]+)', declaration)
            if head is None:
                # The name is in a variable: only the faults of a simulated arm are declared so.
                continue
            how, name, default = head.groups()
            choices = re.search(r'\.choices\(&\[([^\]]*)\]\)', declaration)
            found[pattern(name)] = Parameter(
                TYPES['string' if how == 'text' else type_of(default, declaration)],
                re.findall(r'"([^"]*)"', choices[1]) if choices else [])
    return found


def type_of(default, declaration):
    """The type of a default as it is written; one that is a name has the type of its range."""
    limits = re.search(r'\.range\(\s*([^,\s]+)', declaration)
    for text in (default, limits[1] if limits else ''):
        if text in ('true', 'false'):
            return 'bool'
        if re.fullmatch(r'-?\d+(_?i64)?', text):
            return 'integer'
        if re.fullmatch(r'-?\d+\.\d*', text):
            return 'double'
    raise ValueError(f'of which type is {declaration[:80]!r}?')


def pattern(name):
    """A regular expression of the names that a format string makes."""
    return re.compile('[^/]+'.join(re.escape(part) for part in PLACEHOLDER.sub('\0', name).split('\0')))


def topics():
    """Returns patterns of the topics that any node publishes, relative to its namespace."""
    text = '\n'.join(source for program in programs() if program != 'dreamitate' for source in sources(program))
    names = re.findall(r'publisher(?:::<[^>]*>)?\(\s*(?:&format!\()?"([^"]*)"', text)
    return [pattern(name) for name in names]
