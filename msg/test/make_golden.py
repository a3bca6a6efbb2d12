#!/usr/bin/env python3
"""Writes golden.json: type hashes, and samples with their CDR bytes, made without any of the crate's code.

    pip install rosbags==0.11.9 numpy
    python msg/test/make_golden.py

`rosbags` parses the .msg files, computes the hashes and encodes the samples. What it has no parser for (the parts of
services and actions) is put together here by REP-2011 and rosidl's rules, on top of `rosbags`' hash function.
Every definition that `rosbags` ships for Jazzy is compared with the file here; a difference stops the script.
"""

import json
from pathlib import Path

import numpy
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent

# Hashes that other programs printed, to check the rules above: rmw_zenoh's design document (a service), and the
# code that rosidl generated for MoveIt (a message whose definition rosbags does not ship).
KNOWN = {
    "example_interfaces/srv/AddTwoInts": "RIHS01_e118de6bf5eeb66a2491b5bda11202e7b68f198d6f67922cf30364858239c81a",
    "moveit_msgs/msg/MoveItErrorCodes": "RIHS01_dcda8a9950cf6dd6ac221c2c0d2509f52f136afa0403dd19beacdf07e83e4a07",
}


def one(type_name):
    return (Nodetype.NAME, type_name)


def at_most_one(type_name):
    return (Nodetype.SEQUENCE, (one(type_name), 1))


def section(package, name, text):
    """The fields of a part of a .srv or .action file; types without a package are messages of its own package."""
    return get_types_from_msg(text, f"{package}/msg/{name}")[f"{package}/msg/{name}"]


def split_sections(text):
    parts = [[]]
    for line in text.splitlines():
        if line.strip() == "---":
            parts.append([])
        else:
            parts[-1].append(line)
    return ["\n".join(part) + "\n" for part in parts]


def add_service(types, name):
    """The struct of a service and its event, by rosidl's rules; its request and response are in `types` already."""
    types[f"{name}_Event"] = ([], [
        ("info", one("service_msgs/msg/ServiceEventInfo")),
        ("request", at_most_one(f"{name}_Request")),
        ("response", at_most_one(f"{name}_Response")),
    ])
    types[name] = ([], [
        ("request_message", one(f"{name}_Request")),
        ("response_message", one(f"{name}_Response")),
        ("event_message", one(f"{name}_Event")),
    ])


def add_srv(types, package, name, text):
    request, response = split_sections(text)
    full = f"{package}/srv/{name}"
    types[f"{full}_Request"] = section(package, f"{name}_Request", request)
    types[f"{full}_Response"] = section(package, f"{name}_Response", response)
    add_service(types, full)


def add_action(types, package, name, text):
    full = f"{package}/action/{name}"
    for part, body in zip(("Goal", "Result", "Feedback"), split_sections(text), strict=True):
        types[f"{full}_{part}"] = section(package, f"{name}_{part}", body)
    goal_id = ("goal_id", one("unique_identifier_msgs/msg/UUID"))
    types[f"{full}_SendGoal_Request"] = ([], [goal_id, ("goal", one(f"{full}_Goal"))])
    types[f"{full}_SendGoal_Response"] = ([], [
        ("accepted", (Nodetype.BASE, ("bool", 0))), ("stamp", one("builtin_interfaces/msg/Time")),
    ])
    types[f"{full}_GetResult_Request"] = ([], [goal_id])
    types[f"{full}_GetResult_Response"] = ([], [
        ("status", (Nodetype.BASE, ("int8", 0))), ("result", one(f"{full}_Result")),
    ])
    types[f"{full}_FeedbackMessage"] = ([], [goal_id, ("feedback", one(f"{full}_Feedback"))])
    add_service(types, f"{full}_SendGoal")
    add_service(types, f"{full}_GetResult")
    types[full] = ([], [
        ("goal", one(f"{full}_Goal")), ("result", one(f"{full}_Result")), ("feedback", one(f"{full}_Feedback")),
        ("send_goal_service", one(f"{full}_SendGoal")), ("get_result_service", one(f"{full}_GetResult")),
        ("feedback_message", one(f"{full}_FeedbackMessage")),
    ])


def read_definitions():
    """The types of all files, and the names of the structs that travel (not of services, actions and events)."""
    types = {}
    packages = [(PACKAGE, "dreamitate_msgs")] + [(p, p.name) for p in sorted((PACKAGE / "standard").iterdir()) if p.is_dir()]
    for folder, package in packages:
        for path in sorted(folder.glob("msg/*.msg")):
            types.update(get_types_from_msg(path.read_text(), f"{package}/msg/{path.stem}"))
        for path in sorted(folder.glob("srv/*.srv")):
            add_srv(types, package, path.stem, path.read_text())
        for path in sorted(folder.glob("action/*.action")):
            add_action(types, package, path.stem, path.read_text())
    structs = [
        name for name in types
        if "/msg/" in name or not (name.endswith("_Event") or f"{name}_Event" in types or f"{name}_Goal" in types)
    ]
    return types, sorted(structs)


def without_char(desc):
    """The field with `char` as `uint8`: rosidl does that to .msg files, rosbags does not (it hashes IDL's char)."""
    kind, rest = desc
    if kind == Nodetype.BASE:
        return (kind, ("uint8", rest[1])) if rest[0] == "char" else desc
    return desc if kind == Nodetype.NAME else (kind, (without_char(rest[0]), rest[1]))


class Samples:
    """Deterministic values that differ from field to field and are exact in JSON."""

    def __init__(self, store):
        self.store, self.count = store, 0

    def of(self, type_name, depth=0):
        """A message and the same as JSON."""
        message, plain = {}, {}
        for name, desc in self.store.fielddefs[type_name][1]:
            message[name], plain[name] = self.value(name, desc, depth)
        return self.store.types[type_name](**message), plain

    def value(self, name, desc, depth):
        kind, rest = desc
        if kind == Nodetype.NAME:
            return self.of(rest, depth + 1)
        if kind == Nodetype.BASE:
            value = self.scalar(name, rest[0], rest[1])
            return value, value
        element, size = rest
        self.count += 1
        # Odd lengths, so that what follows must be aligned; none far down, so that the file stays small.
        length = size if kind == Nodetype.ARRAY else 0 if depth > 3 else 1 + self.count % 3 if depth == 0 else 1
        length = min(length, size) if kind == Nodetype.SEQUENCE and size else length
        pairs = [self.value(name, element, depth) for _ in range(length)]
        values, plain = [v for v, _ in pairs], [p for _, p in pairs]
        if element[0] == Nodetype.BASE and element[1][0] != "string":
            base = {"byte": "uint8", "octet": "uint8", "char": "uint8"}.get(element[1][0], element[1][0])
            return numpy.array(values, dtype=numpy.dtype(base)), plain
        return values, plain

    def scalar(self, name, base, limit):
        self.count += 1
        n = self.count
        if base == "bool":
            return n % 2 == 0
        if base == "string":
            text = f"{name} {n}" + (" à µ 字" if n % 5 == 0 else "")
            text = "" if n % 7 == 0 else text
            return text[:limit] if limit else text
        if base.startswith("float"):
            return (n % 1000) / 8 * (-1 if n % 3 == 0 else 1)
        bits = int(base.strip("uint") or 8) if base not in ("byte", "octet", "char") else 8
        signed = base.startswith("int")
        # rosbags writes `byte` as a signed number; below 128 there is no difference.
        top = 2 ** (bits - 1) - 1 if signed or base in ("byte", "octet") else 2**bits - 1
        # Values that use all bytes, so that a wrong width or order shows.
        value = (n * 0x0123456789ABCDEF) % (top + 1)
        return -value if signed and n % 2 else value


def main():
    store = get_typestore(Stores.ROS2_JAZZY)
    shipped = set(store.fielddefs)
    types, structs = read_definitions()
    ours = dict(types)
    add_srv(ours, "example_interfaces", "AddTwoInts", "int64 a\nint64 b\n---\nint64 sum\n")
    for name in shipped & set(ours):
        # Constants too: `register` compares fields only.
        theirs = [(n, v) for n, _, v in store.fielddefs[name][0]]
        if [(n, v) for n, _, v in ours[name][0]] != theirs:
            print(f"note: {name}: constants differ from rosbags' Jazzy store")
    for table in (ours, store.fielddefs):
        for name, (constants, fields) in list(table.items()):
            table[name] = (constants, [(field, without_char(desc)) for field, desc in fields])
    store.register(ours)

    for name, expected in KNOWN.items():
        assert store.hash_rihs01(name) == expected, f"{name}: {store.hash_rihs01(name)} is not {expected}"

    samples = Samples(store)
    messages = {}
    for name in structs:
        message, plain = samples.of(name)
        cdr = bytes(store.serialize_cdr(message, name, little_endian=True))
        messages[name] = {"cdr": cdr.hex(), "value": plain}
    golden = {
        "about": "Made by make_golden.py with rosbags 0.11.9.",
        "shipped_by_rosbags": sorted(shipped & set(types)),
        "hashes": {name: store.hash_rihs01(name) for name in sorted(types) if not name.endswith("_Event")},
        "messages": messages,
    }
    # One line a message: the file is read by a program, and its history by people.
    path = HERE / "golden.json"
    path.write_text(compact(golden) + "\n")
    print(f"{path.name}: {len(golden['hashes'])} hashes ({len(golden['shipped_by_rosbags'])} of shipped types), "
          f"{len(messages)} samples, {path.stat().st_size} bytes")


def compact(golden):
    def dump(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    parts = []
    for key, value in golden.items():
        if isinstance(value, dict):
            body = ",\n".join(f"  {dump(k)}: {dump(v)}" for k, v in value.items())
            parts.append(f" {dump(key)}: {{\n{body}\n }}")
        else:
            parts.append(f" {dump(key)}: {dump(value)}")
    return "{\n" + ",\n".join(parts) + "\n}"


if __name__ == "__main__":
    main()
