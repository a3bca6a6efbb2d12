"""The launch files against the nodes' sources, with a fake of ROS 2's launch packages."""

import os
import runpy
import shlex
import signal
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rust_nodes
import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, LogInfo
from launch_ros.actions import Node, PushRosNamespace
from rust_nodes import ROOT

TASKS = ['rotation', 'scooping', 'sweeping', 'push_shape']
ARMS = {'rotation': ['left', 'right'], 'scooping': ['arm'], 'sweeping': ['arm'], 'push_shape': ['arm']}
MODEL = {'dream_source': 'onnx', 'model_dir': str(ROOT / 'models/rotation'), 'photos': str(ROOT / 'docs')}
# Dreaming, tracking and moving take some seconds where nothing else runs.
LONGEST_TASK_S = 180.0
WORLD = {'robot_driver': 'world', 'world_seed': '7'}
WORLD_AND_MODEL = {**WORLD, 'dream_source': 'onnx', 'model_dir': MODEL['model_dir']}
UR_DRIVER = {'joint_states': '/joint_states', 'driver_action': '/{action}'}
ARGUMENTS = {
    'defaults': {},
    'recorded': {'dream_source': 'recorded', 'dream_dir': str(ROOT / 'docs'), 'rviz': 'false', 'seed': '7'},
    'model and files': {**MODEL, 'confirm': 'true'},
    'model and cameras': {**MODEL, 'camera_source': 'topics', 'robot_driver': 'none'},
    'model and RealSense': {**MODEL, 'camera_source': 'realsense', 'top_device': '104122060901',
                            'side_device': 'side.bag', 'robot_driver': 'none'},
    'model and a driver\'s topics': {**MODEL, 'camera_source': 'topics', 'top_topic': '/camera_a/color/image_raw',
                                     'side_topic': '/camera_b/color/image_raw', 'robot_driver': 'none'},
    'model and a bag': {**MODEL, 'camera_source': 'bag', 'camera_bag': str(ROOT / 'docs'), 'robot_driver': 'none'},
    'real': {'sim': 'false', **MODEL},
    'real, drivers without namespaces': {'sim': 'false', **MODEL, **UR_DRIVER, 'confirm': 'false'},
    'namespace': {'namespace': 'cell', 'record': 'bag_of_a_test'},
    'remote dreamer': {**MODEL, 'dreamer_host': 'big', 'namespace': '/cell'},
    'world': WORLD,
    'world, oracle named, in a namespace': {**WORLD, 'dream_source': 'oracle', 'namespace': 'cell', 'rviz': 'false'},
    'world and a model': {**WORLD_AND_MODEL, 'confirm': 'true'},
    'world, a model by sim': {'robot_driver': 'world', 'sim': 'false', 'model_dir': MODEL['model_dir']},
    'world, dreamer elsewhere': {**WORLD_AND_MODEL, 'dreamer_host': 'big'},
}


def launched(task, arguments=None, environment=None, below=None, root=ROOT):
    """What a launch file leads to; `below` is a namespace that an including launch file pushes."""
    description = runpy.run_path(str(root / 'launch' / f'{task}.launch.py'))['generate_launch_description']()
    outer = LaunchDescription([*([PushRosNamespace(below)] if below else []), *description.entities])
    return outer.visit(LaunchContext(arguments or {}, environment or {}))


def nodes(entities, package='dreamitate'):
    return {e.full_name: e for e in entities if isinstance(e, Node) and package in (None, e.package)}


def said(entities):
    return '\n'.join(e.text for e in entities if isinstance(e, LogInfo))


def refusal(arguments, task='rotation'):
    with pytest.raises((RuntimeError, ValueError)) as caught:
        launched(task, arguments)
    return str(caught.value)


@pytest.fixture(params=ARGUMENTS, name='arguments')
def every_set(request):
    return ARGUMENTS[request.param]


@pytest.mark.parametrize('task', TASKS)
def test_programs_and_parameters_are_those_of_the_sources(task, arguments):
    programs = rust_nodes.programs()
    found = nodes(launched(task, arguments))
    assert found
    for node in found.values():
        assert node.executable in programs
        declared = rust_nodes.parameters(node.executable)
        for name, value in node.values.items():
            matching = [parameter for known, parameter in declared.items() if known.fullmatch(name)]
            assert matching, f'{node.executable} has no parameter {name}'
            assert type(value) is matching[0].type, f'{node.executable}: {name} is {value!r}'
            assert not matching[0].choices or value in matching[0].choices, f'{node.executable}: {name} is {value!r}'


@pytest.mark.parametrize('task', TASKS)
def test_files_that_are_named_exist(task, arguments):
    entities = launched(task, arguments)
    named = [value for node in nodes(entities).values() for value in node.values.values() if str(value).startswith('/')]
    named += [word for node in nodes(entities, 'rviz2').values() for word in node.command if word.endswith('.rviz')]
    paths = [Path(value) for value in named if not value.endswith(('/follow_joint_trajectory', '/image_raw'))]
    assert paths and all(path.exists() for path in paths), paths


@pytest.mark.parametrize('task', TASKS)
def test_the_defaults_start_what_dreamitate_launch_starts(task):
    entities = launched(task)
    arms = [f'/{arm}/simulated_arm' for arm in ARMS[task]]
    assert [*nodes(entities)] == [
        '/dreamer', '/tool_tracker_top', '/tool_tracker_side', '/pose_fusion', '/scene_markers', *arms, '/arm_executor']
    node = nodes(entities)
    assert all(n.values.get('task', task) == task for n in node.values())
    assert all(n.values['config_dir'] == str(ROOT / 'config') for n in node.values())
    assert all(n.on_exit.reason == f'{n.node_name} ended' for n in node.values())
    assert node['/dreamer'].values['source'] == 'rendered' and node['/dreamer'].values['loop_view'] is True
    assert node['/arm_executor'].values['confirm'] is False
    assert not [e for e in entities if type(e) is ExecuteProcess]


@pytest.mark.parametrize('task', TASKS)
def test_each_arm_has_its_description_and_one_sender_of_its_frames(task):
    entities = launched(task)
    rig = yaml.safe_load((ROOT / 'config/tasks' / f'{task}.yaml').read_text())['rig']
    mounts = yaml.safe_load((ROOT / 'config/rigs' / f'{rig}.yaml').read_text())['arms']
    for arm in ARMS[task]:
        publisher = nodes(entities, 'robot_state_publisher')[f'/{arm}_state_publisher']
        assert publisher.values['frame_prefix'] == f'{arm}/'
        assert publisher.remaps == {
            'joint_states': f'{arm}/joint_states', 'robot_description': f'{arm}/robot_description'}
        robot = ElementTree.fromstring(publisher.values['robot_description'])
        moving = [joint.get('name') for joint in robot.findall('joint') if joint.get('type') == 'revolute']
        prefix = mounts[arm].get('joint_prefix', '')
        assert len(moving) in (6, 7) and all(name.startswith(prefix) for name in moving)
        assert len({name.removeprefix(prefix) for name in moving}) == len(moving)
        assert nodes(entities)[f'/{arm}/simulated_arm'].remaps == {'/tf': '_tf'}
    assert not nodes(entities, 'tf2_ros')


def test_joints_are_named_as_in_the_joint_states():
    publishers = nodes(launched('rotation'), 'robot_state_publisher')
    for arm, prefix in (('left', 'L_'), ('right', 'R_')):
        robot = ElementTree.fromstring(publishers[f'/{arm}_state_publisher'].values['robot_description'])
        assert [joint.get('name') for joint in robot.findall('joint')][:7] == [f'{prefix}joint{n}' for n in range(1, 8)]
        # Links keep their names: the frames have the prefix of the arm.
        assert robot.find('link').get('name') == 'link_base'


def test_a_real_robot_gets_its_drivers_names_and_frames_and_asks():
    entities = launched('rotation', ARGUMENTS['real'])
    found = nodes(entities)
    assert not [name for name in found if 'simulated' in name]
    executor = found['/arm_executor']
    assert executor.values['confirm'] is True and 'joint_state_timeout_s' not in executor.values
    # Without one the executor takes the action of the driver that is chosen, which a file of parameters may do.
    assert 'left.action' not in executor.values
    assert 'left/xarm7_traj_controller/follow_joint_trajectory' in said(entities)
    assert 'ros2 service call /arm_executor/confirm std_srvs/srv/Trigger' in said(entities)
    frames = nodes(entities, 'tf2_ros')
    assert len(frames) == 4
    base = dict(zip(frames['/left_base_frame'].command[1::2], frames['/left_base_frame'].command[2::2]))
    assert (base['--frame-id'], base['--child-frame-id']) == ('world', 'left/link_base')
    assert (base['--x'], base['--y'], base['--yaw']) == ('-0.66', '-0.1', '0.0')
    tool = dict(zip(frames['/left_tool_frame'].command[1::2], frames['/left_tool_frame'].command[2::2]))
    assert (tool['--frame-id'], tool['--child-frame-id']) == ('left/link_eef', 'left/tool')
    assert (tool['--x'], tool['--roll']) == ('0.12', '3.141592653589793')


def test_drivers_without_namespaces_are_reached():
    executor = nodes(launched('sweeping', {**ARGUMENTS['real'], **UR_DRIVER}))['/arm_executor']
    assert executor.remaps == {'arm/joint_states': '/joint_states'}
    assert executor.values['arm.action'] == '/scaled_joint_trajectory_controller/follow_joint_trajectory'
    # The vendor's launch file for two xArm 7.
    both = {**ARGUMENTS['real'], 'joint_states': '/joint_states', 'driver_action': '/{prefix}{action}'}
    entities = launched('rotation', both)
    executor = nodes(entities)['/arm_executor']
    assert executor.values['right.action'] == '/R_xarm7_traj_controller/follow_joint_trajectory'
    assert executor.remaps == {'left/joint_states': '/joint_states', 'right/joint_states': '/joint_states'}
    assert nodes(entities, 'robot_state_publisher')['/left_state_publisher'].remaps['joint_states'] == '/joint_states'


@pytest.mark.parametrize('task', TASKS)
def test_a_world_takes_the_place_of_cameras_arms_and_dreamer(task):
    entities = launched(task, WORLD)
    found = nodes(entities)
    assert [*found] == [
        '/world', '/tool_tracker_top', '/tool_tracker_side', '/pose_fusion', '/scene_markers', '/arm_executor']
    assert found['/world'].values == {'config_dir': str(ROOT / 'config'), 'task': task, 'seed': 7, 'oracle': True}
    assert found['/world'].on_exit.reason == 'world ended'
    assert found['/arm_executor'].values['confirm'] is False
    assert found['/arm_executor'].values['joint_state_timeout_s'] == 1.0
    assert f"ros2 action send_goal /dream dreamitate_msgs/action/Dream '{{task: {task}}}'" in said(entities)
    assert nodes(launched(task, {'robot_driver': 'world'}))['/world'].values['seed'] == 0


@pytest.mark.parametrize('below, namespace', [(None, ''), (None, 'cell'), ('line', 'cell')])
def test_a_worlds_arms_are_reached_as_simulated_ones_are(below, namespace):
    entities = launched('rotation', {**WORLD, 'namespace': namespace}, below=below)
    simulated = launched('rotation', {'namespace': namespace}, below=below)
    for mine, other in ((nodes(entities), nodes(simulated)),
                        (nodes(entities, 'robot_state_publisher'), nodes(simulated, 'robot_state_publisher'))):
        for name in (name for name in mine if name.endswith(('/arm_executor', '_state_publisher'))):
            assert (mine[name].values, mine[name].remaps) == (other[name].values, other[name].remaps)
    # No frame has two senders.
    world, = [node for name, node in nodes(entities).items() if name.endswith('/world')]
    assert world.remaps['/tf'] == '_tf'


def test_an_expert_in_a_namespace_is_asked_there():
    assert 'send_goal /cell/dream ' in said(launched('rotation', {**WORLD, 'namespace': 'cell'}))


def test_nobody_but_the_launch_file_says_where_the_cameras_of_an_experts_dream_are():
    frames = nodes(launched('rotation', WORLD), 'tf2_ros')
    assert [*frames] == ['/camera_top_frame', '/camera_side_frame']
    top = dict(zip(frames['/camera_top_frame'].command[1::2], frames['/camera_top_frame'].command[2::2]))
    assert (top['--frame-id'], top['--child-frame-id']) == ('world', 'camera_top_optical_frame')
    assert (top['--y'], top['--z'], top['--roll']) == ('-0.32982845', '0.76', '-2.748893571891069')
    assert not nodes(launched('rotation', ARGUMENTS['world and a model']), 'tf2_ros')


@pytest.mark.parametrize('given', ['world and a model', 'world, a model by sim'])
def test_a_model_dreams_of_what_the_worlds_cameras_see(given):
    entities = launched('rotation', ARGUMENTS[given])
    found = nodes(entities)
    assert [*found][:2] == ['/world', '/dreamer'] and len(found) == 7
    assert found['/world'].values['oracle'] is False
    assert found['/dreamer'].values['source'] == 'onnx' and 'photo_timeout_s' not in found['/dreamer'].values
    # It dreams by itself, and the executor asks as it is told.
    assert 'send_goal' not in said(entities)
    assert found['/arm_executor'].values['confirm'] is (ARGUMENTS[given].get('confirm') == 'true')


def test_a_model_elsewhere_may_dream_of_a_world():
    entities = launched('rotation', ARGUMENTS['world, dreamer elsewhere'])
    assert '/world' in nodes(entities) and '/dreamer' not in nodes(entities)
    assert 'run the dreamer on big: ' in said(entities)


def test_a_world_has_the_rig_that_is_given():
    found = nodes(launched('sweeping', {**WORLD, 'rig': 'paper_xarm7'}))
    assert found['/world'].values['rig'] == found['/arm_executor'].values['rig'] == 'paper_xarm7'


def test_only_a_world_brings_the_world_and_it_brings_no_other_cameras_and_arms(arguments):
    started = {node.executable for node in nodes(launched('rotation', arguments)).values()}
    world = arguments.get('robot_driver') == 'world'
    assert ('world' in started) is world
    assert not (world and started & {'stereo_camera', 'simulated_arm'})


def test_without_a_driver_nothing_of_arms_is_started():
    entities = launched('rotation', {'robot_driver': 'none'})
    assert not [name for name in nodes(entities, None) if 'arm' in name or 'state_publisher' in name]


def test_photos_are_published_for_a_model_alone():
    camera = nodes(launched('rotation', ARGUMENTS['model and files']))['/stereo_camera']
    assert camera.values['folder'] == MODEL['photos'] and camera.values['rig'] == 'paper'
    camera = nodes(launched('rotation', ARGUMENTS['model and RealSense']))['/stereo_camera']
    # As realsense-ros has it: without the underscore ROS would take the serial number for a number.
    assert camera.values['top_device'] == '_104122060901' and camera.values['side_device'] == 'side.bag'
    camera = nodes(launched('rotation', ARGUMENTS['model and a driver\'s topics']))['/stereo_camera']
    assert camera.values['source'] == 'topics' and camera.values['side_topic'] == '/camera_b/color/image_raw'
    camera = nodes(launched('rotation', ARGUMENTS['model and a bag']))['/stereo_camera']
    assert camera.values['source'] == 'bag' and camera.values['bag'] == str(ROOT / 'docs')
    for arguments in (ARGUMENTS['model and cameras'], ARGUMENTS['recorded'], {}):
        assert '/stereo_camera' not in nodes(launched('rotation', arguments))


@pytest.mark.parametrize('below, namespace, expected', [
    (None, 'cell', '/cell'), (None, '/cell', '/cell'), (None, '/', ''), ('line', 'cell', '/line/cell'),
    ('line', '', '/line'),
])
def test_all_nodes_are_in_the_namespace(below, namespace, expected):
    found = nodes(launched('rotation', {'namespace': namespace}, below=below), None)
    assert all(name.startswith(f'{expected}/') for name in found)
    assert {f'{expected}/arm_executor', f'{expected}/left/simulated_arm', f'{expected}/rviz2'} <= set(found)
    assert len(found) == 11


def test_a_dreamer_elsewhere_is_left_out_and_its_command_told():
    entities = launched('rotation', ARGUMENTS['remote dreamer'])
    assert '/cell/dreamer' not in nodes(entities) and '/cell/stereo_camera' in nodes(entities)
    command = shlex.split(said(entities).partition('run the dreamer on big: ')[2].splitlines()[0])
    assert command[:7] == ['ros2', 'run', 'dreamitate', 'dreamer', '--ros-args', '-r', '__ns:=/cell']
    values = dict(word.split(':=') for word in command[8::2])
    assert values['task'] == 'rotation' and values['source'] == 'onnx' and values['seed'] == '0'
    assert all(any(known.fullmatch(name) for known in rust_nodes.parameters('dreamer')) for name in values)


def test_another_rig_reaches_every_node():
    entities = launched('sweeping', {'rig': 'paper_xarm7'})
    found = nodes(entities)
    assert {node.values['rig'] for node in found.values()} == {'paper_xarm7'}
    assert 'link_eef' in nodes(entities, 'robot_state_publisher')['/arm_state_publisher'].values['robot_description']


def test_a_bag_is_recorded(tmp_path):
    recorder, = [e for e in launched('rotation', {'record': str(tmp_path / 'bag')}) if type(e) is ExecuteProcess]
    assert recorder.command[:6] == ['ros2', 'bag', 'record', '--storage', 'mcap', '--all']
    assert recorder.command[6:] == ['--output', str(tmp_path / 'bag')]
    recorder, = [e for e in launched('rotation', {'record': 'true'}) if type(e) is ExecuteProcess]
    assert recorder.command[-1].startswith('rotation_2')
    assert 'never written over' in refusal({'record': str(tmp_path)})


def test_a_file_of_parameters_holds_over_the_others(tmp_path):
    file = tmp_path / 'more.yaml'
    file.write_text('pose_fusion: {ros__parameters: {fusion: midpoint}}')
    for node in nodes(launched('rotation', {'params_file': str(file)})).values():
        assert [word for word in node.command if word.endswith('.yaml')] == [str(file)]
        assert node.command.index(str(file)) == max(
            n + 1 for n, word in enumerate(node.command) if word == '--params-file')


def test_the_environment_may_name_the_configuration(tmp_path):
    (tmp_path / 'config').symlink_to(ROOT / 'config')
    found = nodes(launched('rotation', environment={'DREAMITATE_CONFIG': str(tmp_path / 'config')}))
    assert found['/pose_fusion'].values['config_dir'] == str((tmp_path / 'config').resolve())


@pytest.mark.parametrize('arguments, words', [
    ({'sim': 'yes'}, ['sim', 'yes', 'true', 'false']),
    ({'dream_source': 'video'}, ['dream_source', 'video', 'rendered', 'recorded', 'onnx', 'oracle']),
    ({'robot_driver': 'gazebo'}, ['robot_driver', 'gazebo', 'simulated', 'real', 'world', 'none']),
    ({'camera_source': 'webcam'}, ['camera_source', 'webcam', 'auto', 'files', 'realsense', 'topics', 'bag']),
    ({**MODEL, 'camera_source': 'topics', 'top_topic': '/a/image_raw'}, ['top_topic and side_topic']),
    ({**MODEL, 'camera_source': 'bag', 'camera_bag': '/no/such'}, ['camera_bag:=/no/such', 'bag that exists']),
    ({**MODEL, 'camera_source': 'realsense', 'top_device': '1'}, ['side_device', 'serial number', '.bag']),
    ({'confirm': 'maybe'}, ['confirm', 'maybe', 'true', 'false']),
    ({'rviz': '1'}, ['rviz', "'true', 'false'"]),
    ({'seed': '-1'}, ['seed:=-1', '0', str(2**63 - 1)]),
    ({'seed': str(2**63)}, [f'seed:={2**63}', str(2**63 - 1)]),
    ({**WORLD, 'world_seed': '-1'}, ['world_seed:=-1', '0', str(2**63 - 1)]),
    ({'dream_source': 'oracle'}, ['dream_source:=oracle', 'robot_driver:=world', 'robot_driver:=simulated']),
    ({'dream_source': 'oracle', 'robot_driver': 'none'}, ['dream_source:=oracle', 'robot_driver:=none']),
    ({'dream_source': 'oracle', 'sim': 'false'}, ['dream_source:=oracle', 'robot_driver:=real']),
    ({**WORLD, 'dream_source': 'rendered'}, ['dream_source:=rendered', 'robot_driver:=world', 'oracle', 'onnx']),
    ({**WORLD, 'dream_source': 'recorded', 'dream_dir': str(ROOT / 'docs')},
     ['dream_source:=recorded', 'robot_driver:=world']),
    ({**WORLD, 'dreamer_host': 'big'}, ['dreamer_host:=big', 'dream_source:=onnx', 'robot_driver:=world']),
    *(({**world, 'camera_source': source}, [f'camera_source:={source}', 'robot_driver:=world', 'cameras of its own'])
      for world in (WORLD, WORLD_AND_MODEL) for source in ('files', 'realsense', 'topics', 'bag')),
    ({**WORLD_AND_MODEL, 'photos': str(ROOT / 'docs')}, ['photos:=', 'robot_driver:=world', 'cameras of its own']),
    ({'dream_source': 'recorded'}, ['dream_dir:=', 'folder']),
    ({'dream_source': 'onnx', 'model_dir': '/no/such'}, ['model_dir:=/no/such', 'folder']),
    ({**MODEL, 'photos': '/no/such'}, ['photos:=/no/such', 'folder']),
    ({'config_dir': '/no/such'}, ['config_dir:=/no/such', 'folder']),
    ({'params_file': '/no/such.yaml'}, ['params_file', '/no/such.yaml']),
    ({'rig': 'garage'}, ['garage.yaml', 'paper', 'paper_ur5']),
    ({'rig': 'paper_ur5'}, ['rotation', 'left', 'paper_ur5', 'arm']),
    ({**ARGUMENTS['real'], 'joint_states': '{robot}/joint_states'}, ['{robot}/joint_states', '{arm}', '{prefix}']),
    ({**ARGUMENTS['real'], 'driver_action': '{}'}, ['driver_action:={}', '{arm}', '{prefix}', '{action}']),
])
def test_what_cannot_be_is_refused_with_the_value_and_what_may_be(arguments, words):
    message = refusal(arguments)
    assert all(word in message for word in words), message


def test_a_task_that_is_not_there_names_those_there_are():
    namespace = runpy.run_path(str(ROOT / 'launch/task_description.py'))
    with pytest.raises(ValueError, match='push_shape, rotation, scooping, sweeping'):
        namespace['launch_description']('juggling').visit(LaunchContext({}, {}))


@pytest.mark.parametrize('task', TASKS)
def test_every_argument_has_a_default_and_says_what_it_is(task):
    description = runpy.run_path(str(ROOT / 'launch' / f'{task}.launch.py'))['generate_launch_description']()
    declared = [action for action in description.entities if isinstance(action, DeclareLaunchArgument)]
    assert {'sim', 'dream_source', 'model_dir', 'photos', 'camera_source', 'robot_driver', 'rig', 'config_dir',
            'record', 'rviz', 'confirm', 'namespace', 'seed', 'world_seed', 'dreamer_host',
            } <= {argument.name for argument in declared}
    assert all(argument.description and argument.default_value is not None for argument in declared)


def test_the_prompt_is_the_one_that_the_model_was_trained_with():
    for task in TASKS:
        recipe = yaml.safe_load((ROOT / 'training/config' / f'{task}.yaml').read_text())
        config = yaml.safe_load((ROOT / 'config/tasks' / f'{task}.yaml').read_text())
        assert config['name'] == recipe['task'] == task
        assert config['prompt'] == recipe['prompt']
        assert config['frame_period_s'] == pytest.approx(1 / recipe['fps'])


def test_the_rigs_have_the_same_cameras():
    rigs = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / 'config/rigs').glob('paper*.yaml'))]
    assert len(rigs) == 3 and all(rig['cameras'] == rigs[0]['cameras'] for rig in rigs)


def ask_for_a_dream(domain, action, task, until):
    """Sends an action's server a goal over Zenoh, as `ros2 action send_goal` does; whether it accepts."""
    zenoh, typesys = pytest.importorskip('zenoh'), pytest.importorskip('rosbags.typesys')
    name = f'{action}/_action/send_goal'
    with zenoh.open(zenoh.Config()) as session:
        while True:
            tokens = [str(reply.ok.key_expr).split('/') for reply in session.liveliness().get(f'@ros2_lv/{domain}/**')
                      if reply.ok]
            servers = [token for token in tokens if 'SS' in token and token[-4].replace('%', '/') == name]
            if servers:
                break
            assert time.monotonic() < until, f'nobody serves {action}'
            time.sleep(0.2)
        # What rosidl makes of the goal: the number that names it goes before.
        kind, types = 'test/msg/DreamGoal', typesys.get_typestore(typesys.Stores.EMPTY)
        types.register(typesys.get_types_from_msg('uint8[16] goal_id\nstring task\nuint64 seed', kind))
        goal = types.types[kind](goal_id=np.arange(16, dtype=np.uint8), task=task, seed=0)
        replies = session.get(f'{domain}{name}/{servers[0][-3]}/{servers[0][-2]}',
                              payload=bytes(types.serialize_cdr(goal, kind)))
        return [bool(reply.ok.payload.to_bytes()[4]) for reply in replies if reply.ok] == [True]


@pytest.mark.parametrize('task, arguments', [
    ('rotation', {}), ('sweeping', {}), ('sweeping', {'robot_driver': 'world', 'world_seed': '4'})])
def test_the_programs_do_the_task_when_started_so(task, arguments, tmp_path):
    """Starts the built programs with the launch file's command lines, and waits for the arms to have moved."""
    folder = Path(os.environ.get('DREAMITATE_PROGRAMS', ROOT / 'target/release'))
    found = nodes(launched(task, {**arguments, 'rviz': 'false', 'namespace': 'cell'}))
    missing = sorted({node.executable for node in found.values() if not (folder / node.executable).is_file()})
    if missing:
        pytest.skip(f'{", ".join(missing)} not built in {folder}')
    # A domain of its own, so that nothing else that runs here is met.
    domain = 1 + os.getpid() % 200
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain),
                   'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'RUST_LOG': 'info', 'NO_COLOR': '1'}
    logs = {name: tmp_path / name.replace('/', '_') for name in found}
    started = {}
    try:
        for name, node in found.items():
            with logs[name].open('w') as log:
                command = [str(folder / node.executable), *node.command[1:]]
                started[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + LONGEST_TASK_S
        if '/cell/dreamer' not in found:
            assert ask_for_a_dream(domain, '/cell/dream', task, until)
        while 'outcome=' not in logs['/cell/arm_executor'].read_text():
            ended = [name for name, process in started.items() if process.poll() is not None]
            assert not ended, logs[ended[0]].read_text()
            assert time.monotonic() < until, logs['/cell/arm_executor'].read_text()
            time.sleep(0.2)
        assert 'outcome=Executed' in logs['/cell/arm_executor'].read_text()
    finally:
        for process in started.values():
            process.send_signal(signal.SIGINT)
        codes = {name: process.wait(timeout=20) for name, process in started.items()}
    assert set(codes.values()) == {0}, codes
