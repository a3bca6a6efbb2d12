"""The ROS package: its manifest, what it installs, and what rviz2 shows."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import rust_nodes
import test_launch
import yaml
from rust_nodes import ROOT

NODES = ROOT / 'nodes'
RVIZ = sorted((ROOT / 'config/rviz').glob('*.rviz'))
# The displays of rviz_default_plugins that the files use, with the type of the messages that they take.
DISPLAYS = {'Grid': None, 'TF': None, 'RobotModel': 'std_msgs/String', 'PoseArray': 'geometry_msgs/PoseArray', 'Path': 'nav_msgs/Path',
            'MarkerArray': 'visualization_msgs/MarkerArray', 'Image': 'sensor_msgs/Image'}


def displays(file):
    return yaml.safe_load(file.read_text())['Visualization Manager']['Displays']


def topic(display):
    return display.get('Topic') or display.get('Description Topic')


def test_the_manifest_is_whole():
    package = ElementTree.parse(NODES / 'package.xml').getroot()
    messages = ElementTree.parse(ROOT / 'msg/package.xml').getroot()
    assert package.tag == 'package' and package.get('format') == '3'
    assert package.findtext('name') == 'dreamitate'
    for tag in ('version', 'maintainer', 'license'):
        assert [element.text for element in package.findall(tag)] == [element.text for element in messages.findall(tag)]
    workspace = (ROOT / 'Cargo.toml').read_text()
    assert f'version = "{package.findtext("version")}"' in workspace
    assert package.findtext('buildtool_depend') == package.findtext('export/build_type') == 'ament_cmake'
    assert {'dreamitate_msgs', 'ros2launch', 'launch_ros', 'robot_state_publisher', 'tf2_ros', 'rviz2', 'ros2bag',
            'rosbag2_storage_mcap', 'python3-yaml'} <= dependencies(package)


def dependencies(package):
    return {element.text for element in package if element.tag.endswith('depend')}


def test_packages_of_processes_and_messages_are_depended_on():
    package = ElementTree.parse(NODES / 'package.xml').getroot()
    arguments = {**test_launch.ARGUMENTS['real'], 'record': 'bag_of_a_test'}
    started = {node.package for node in test_launch.nodes(test_launch.launched('rotation', arguments), None).values()}
    sources = '\n'.join(path.read_text() for path in NODES.glob('*/src/**/*.rs'))
    messages = set(re.findall(r'\b(\w+_(?:msgs|srvs))::', sources)) - {'dreamitate_msgs'}
    assert started - {'dreamitate'} <= dependencies(package)
    assert messages <= dependencies(package), messages - dependencies(package)


def test_all_programs_are_installed():
    text = (NODES / 'CMakeLists.txt').read_text()
    listed = re.search(r'foreach\(program ([\w\s]+)\)', text)[1].split()
    optional = re.findall(r'if\(DREAMITATE_\w+\)\s+install\(PROGRAMS "[^"]*/(\w+)"', text)
    assert sorted(listed + optional) == sorted(rust_nodes.programs())


def configure_and_build(tmp_path, *steps, **options):
    """Runs CMake on nodes/: configures, then takes `steps`; skips the test where CMake or ament are not there."""
    lacking = [program for program in ('cmake', 'make') if shutil.which(program) is None]
    if lacking:
        pytest.skip(f'no {lacking[0]} here')
    build = tmp_path / 'build'
    # The system's Python has ament's part that is in Python.
    options |= {'Python3_EXECUTABLE': '/usr/bin/python3', 'CMAKE_INSTALL_PREFIX': tmp_path / 'install'}
    configure = ['cmake', '-S', NODES, '-B', build, *(f'-D{name}={value}' for name, value in options.items())]
    for command in (configure, *(['cmake', step, build] for step in steps)):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        if 'provided by "ament_cmake"' in ' '.join(done.stderr.split()):
            pytest.skip('no ament_cmake here; Debian and Ubuntu have it in the package ament-cmake')
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize('rcl, realsense', [(True, False), (False, True)])
def test_cargo_is_told_what_to_build(tmp_path, rcl, realsense):
    told = tmp_path / 'told'
    cargo = tmp_path / 'cargo'
    cargo.write_text(f'#!/bin/sh\necho "$IDL_PACKAGE_FILTER" > {told}\necho "$@" >> {told}\n')
    cargo.chmod(0o755)
    configure_and_build(tmp_path, '--build', CARGO=cargo, DREAMITATE_RCL='ON' if rcl else 'OFF',
                        DREAMITATE_REALSENSE='ON' if realsense else 'OFF')
    packages, arguments = told.read_text().splitlines()
    *packages, definitions = packages.split(';')
    assert re.fullmatch('dreamitate_msgs_[0-9a-f]{32}', definitions)
    target = tmp_path / 'build/cargo'
    features = ' --features dreamitate_carrier/rcl' if rcl else ' --features stereo_camera/realsense'
    assert arguments == f'build --release --bins --target-dir {target} --locked{features}'
    # All that our messages refer to, and all that we depend on for theirs; moveit_msgs has messages that we do not use.
    standard = {path.name for path in (ROOT / 'msg/standard').iterdir() if path.is_dir()}
    assert set(packages) == standard | {'dreamitate_msgs', 'octomap_msgs'}
    depended_on = dependencies(ElementTree.parse(NODES / 'package.xml').getroot())
    assert set(packages) - depended_on == {'service_msgs'}, 'Humble has no service_msgs, all others are there'


@pytest.mark.parametrize('symlinks', [False, True])
def test_what_is_installed_launches(tmp_path, symlinks):
    """Installs all but the programs with CMake, and launches from there."""
    configure_and_build(tmp_path, '--build', '--install', DREAMITATE_BUILD_PROGRAMS='OFF',
                        AMENT_CMAKE_SYMLINK_INSTALL='ON' if symlinks else 'OFF')
    prefix = tmp_path / 'install'
    share = prefix / 'share/dreamitate'
    assert (prefix / 'share/ament_index/resource_index/packages/dreamitate').is_file()
    for folder in ('config', 'launch', 'models', 'urdf'):
        installed = {path.relative_to(share) for path in (share / folder).rglob('*') if path.is_file()}
        source = {path.relative_to(ROOT) for path in (ROOT / folder).rglob('*') if path.is_file()}
        assert installed == {path for path in source if '__pycache__' not in path.parts}
    for task in test_launch.TASKS:
        found = test_launch.nodes(test_launch.launched(task, root=share))
        config = Path(found['/pose_fusion'].values['config_dir'])
        assert config == (ROOT if symlinks else share) / 'config'
    tools = [*(share / 'config/tools').glob('*.yaml')]
    meshes = [tool.parent / yaml.safe_load(tool.read_text())['mesh'] for tool in tools]
    assert meshes and all(mesh.is_file() for mesh in meshes)


@pytest.mark.parametrize('file', RVIZ, ids=lambda file: file.name)
def test_rviz_shows_what_is_published(file):
    config = yaml.safe_load(file.read_text())
    assert config['Visualization Manager']['Global Options']['Fixed Frame'] == 'world'
    published = rust_nodes.topics()
    descriptions = {node.remaps['robot_description'] for task in test_launch.TASKS
                    for node in test_launch.nodes(test_launch.launched(task), 'robot_state_publisher').values()}
    for display in displays(file):
        library, _, name = display['Class'].partition('/')
        assert library == 'rviz_default_plugins' and name in DISPLAYS, display['Class']
        if DISPLAYS[name] is None:
            continue
        shown = topic(display)
        # Relative, so that they are found in the namespace in which rviz2 is started.
        assert not shown['Value'].startswith('/')
        known = any(pattern.fullmatch(shown['Value']) for pattern in published)
        assert known or shown['Value'] in descriptions, shown['Value']
        # Images come as sensor data; poses and descriptions wait for whoever comes late.
        assert (shown['Reliability Policy'] == 'Best Effort') == (name == 'Image')
        assert (shown['Durability Policy'] == 'Transient Local') == (name != 'Image')


def test_foxglove_shows_what_is_published():
    layout = json.loads((ROOT / 'config/foxglove/dreamitate.json').read_text())
    panels = layout['configById']
    topics = [*panels['3D!scene']['topics'], *(panel['imageMode']['imageTopic'] for panel in panels.values()
                                               if 'imageMode' in panel)]
    published = rust_nodes.topics()
    assert len(topics) >= 5
    for shown in topics:
        # What `dreamitate run` publishes has no namespace.
        assert any(pattern.fullmatch(shown.removeprefix('/')) for pattern in published), shown

    def placed(part):
        return {part} if isinstance(part, str) else placed(part['first']) | placed(part['second'])
    assert placed(layout['layout']) == set(panels)


@pytest.mark.parametrize('task', test_launch.TASKS)
def test_rviz_shows_the_tasks_arms_and_tools(task):
    rviz, = test_launch.nodes(test_launch.launched(task), 'rviz2').values()
    shown = displays(Path(rviz.command[rviz.command.index('-d') + 1]))
    config = yaml.safe_load((ROOT / 'config/tasks' / f'{task}.yaml').read_text())
    arms = [display['TF Prefix'] for display in shown if display['Class'].endswith('/RobotModel')]
    assert arms == [tool['arm'] for tool in config['tools'].values()] == test_launch.ARMS[task]
    tools = [topic(display)['Value'] for display in shown if display['Class'].endswith('/PoseArray')]
    assert tools == [f'trajectory/{tool}' for tool in config['tools']]
    paths = [topic(display)['Value'] for display in shown if display['Class'].endswith('/Path')]
    assert paths == [f'{tool}/path' for tool in tools]


def test_the_files_for_one_and_two_arms_differ_in_arms_and_tools_alone():
    assert len(RVIZ) == 2
    rest = [[d for d in displays(file) if not d['Class'].endswith(('/RobotModel', '/PoseArray', '/Path'))] for file in RVIZ]
    assert rest[0] == rest[1]
