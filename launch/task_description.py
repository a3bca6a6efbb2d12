"""
The launch description of a task; the files `TASK.launch.py` beside this one call it.

They run this file from their own folder (`runpy`) and do not import it by name: so it is found in the source tree as in
`share/dreamitate/launch`, and Python's path stays as it is. In both places `config`, `urdf` and `models` lie beside the
folder `launch`.

The processes, their names and parameters are those of `dreamitate launch` (`nodes/dreamitate/src/graph.rs`), but that
the dreamer dreams unasked; and besides them a `robot_state_publisher` for each arm, fixed frames that no node sends,
`ros2 bag record` and `rviz2`.
"""

import shlex
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import yaml
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, LogInfo, OpaqueFunction, Shutdown
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

# The source tree, or `share/dreamitate`.
SHARE = Path(__file__).resolve().parent.parent
VIEWS = ('top', 'side')
# Where a real arm's driver is looked for: in the arm's namespace.
JOINT_STATES = '{arm}/joint_states'
DRIVER_ACTION = '{arm}/{action}'
# How often photos from files are published, seconds. A file does not change, and every pair goes to the bag.
PHOTO_PERIOD_S = 4.0
# The oldest that joint states of simulated arms may be, seconds: they share their cores with the trackers.
SIMULATED_JOINT_STATE_TIMEOUT_S = 1.0
# Of nodes that send frames which `robot_state_publisher` sends too.
HIDDEN_FRAMES = [('/tf', '_tf')]
LARGEST_SEED = 2**63 - 1
BOOLEANS = ['true', 'false']


def launch_description(task):
    """
    Returns the launch description of a task of `config/tasks`.

    What is `auto` follows `sim`: a rendered dream and simulated arms that ask nobody, or else a video model and real
    arms that wait for a confirmation. With `robot_driver:=world` its expert takes the place of a rendered dream.
    """
    def argument(name, default, about, choices=None):
        return DeclareLaunchArgument(name, default_value=default, description=about, choices=choices)

    return LaunchDescription([
        argument('sim', 'true', 'Simulated arms and a rendered dream, where other arguments are auto', BOOLEANS),
        argument('dream_source', 'auto', 'Where dreams come from; oracle: the scripted expert of robot_driver:=world',
                 ['auto', 'rendered', 'recorded', 'onnx', 'oracle']),
        argument('dream_dir', '', 'Folder of the dream, for dream_source:=recorded'),
        argument('model_dir', str(SHARE / 'models' / task), 'Folder of the video model, for dream_source:=onnx'),
        argument('camera_source', 'auto', 'Where a video model has its photos from: files in the folder photos, two '
                 'RealSense cameras, topics of a camera driver, or the bag camera_bag; auto: files, or the cameras of '
                 'robot_driver:=world', ['auto', 'files', 'realsense', 'topics', 'bag']),
        argument('photos', '', 'Folder with top.png and side.png, or numbered pairs in top/ and side/'),
        argument('top_device', '', 'Of camera_source:=realsense: the top camera\'s serial number, or a .bag that '
                 'librealsense recorded'),
        argument('side_device', '', 'The same for the side camera'),
        argument('camera_bag', '', 'Of camera_source:=bag: the bag'),
        argument('top_topic', '', 'Of camera_source:=topics and bag: the top camera\'s images, with camera_info beside '
                 'them; empty: camera/top/image_raw, which of topics the dreamer reads itself'),
        argument('side_topic', '', 'The same for the side camera'),
        argument('seed', '0', f'Seed of the first dream, 0 to {LARGEST_SEED}'),
        argument('dreamer_host', 'local', 'Host of the dreamer. With another than local none is started here, and the '
                 'command to be run there is printed'),
        argument('robot_driver', 'auto', 'What moves the arms: simulated ones, drivers of real ones (started by their '
                 'own launch files), a world with physics, which has the cameras too, or none: nothing is planned. The '
                 'executable world is there only if it was built with MuJoCo (CMake\'s -DDREAMITATE_WORLD=ON)',
                 ['auto', 'simulated', 'real', 'world', 'none']),
        argument('world_seed', '0', f'Of robot_driver:=world: the seed of its scene, 0 to {LARGEST_SEED}'),
        argument('joint_states', JOINT_STATES, 'A real arm\'s joint states; {arm} is its name in the rig, '
                 '{prefix} its joint_prefix'),
        argument('driver_action', DRIVER_ACTION, 'A real arm\'s FollowJointTrajectory action; {action} is the one '
                 'of the robot\'s file'),
        argument('confirm', 'auto', 'Whether the arms wait for the service arm_executor/confirm before they move',
                 ['auto', *BOOLEANS]),
        argument('rig', '', 'Another rig than the task\'s: a name, or a YAML file'),
        argument('config_dir', EnvironmentVariable('DREAMITATE_CONFIG', default_value=str(SHARE / 'config')),
                 'Folder of tasks, rigs, tools, robots, boards and worlds'),
        argument('params_file', '', 'YAML file of more parameters of the nodes; it holds over the other arguments'),
        argument('namespace', '', 'Namespace of all nodes'),
        argument('record', 'false', 'Whether all topics are recorded in an MCAP bag: false, true (in a new folder '
                 'here), or the folder'),
        argument('rviz', 'true', 'Whether rviz2 is started', BOOLEANS),
        OpaqueFunction(function=_actions, args=[task]),
    ])


def _actions(context, task):
    return TaskProcesses(task, lambda name: LaunchConfiguration(name).perform(context)).actions()


class TaskProcesses:
    """A task's processes. `given` returns an argument's value by its name."""

    def __init__(self, task, given):
        self.given = given
        sim = given('sim') == 'true'
        self.driver = _chosen(given('robot_driver'), 'simulated' if sim else 'real')
        self.world = self.driver == 'world'
        ready = 'oracle' if self.world else 'rendered'
        self.source = _chosen(given('dream_source'), ready if sim else 'onnx')
        self.cameras = _chosen(given('camera_source'), 'world' if self.world else 'files')
        self.confirm = _chosen(given('confirm'), 'false' if self.driver in ('simulated', 'world') else 'true')
        self.rviz = given('rviz') == 'true'
        self.local = given('dreamer_host') == 'local'
        self._refuse_what_does_not_fit_the_world()
        self.config_dir = _folder('config_dir', given('config_dir'))
        self.params_files = [str(_file('params_file', given('params_file')))] if given('params_file') else []
        self.task = task
        task_file = self._of_config('tasks', task)
        self.tools = _read(task_file)['tools']
        # What the nodes are told that else have the task's own rig.
        self.other_rig = {'rig': self._named('rigs', given('rig'))} if given('rig') else {}
        self.rig = self.other_rig.get('rig', _read(task_file)['rig'])
        self.arms = _read(self._of_config('rigs', self.rig))['arms']
        for tool in self.tools.values():
            if tool['arm'] not in self.arms:
                raise ValueError(f'the task {task} wants the arm {tool["arm"]}, the rig {self.rig} has '
                                 f'{", ".join(self.arms)}')

    def actions(self):
        """Returns the processes in the order of the data's way."""
        return [
            *self._world(),
            *self._dreamer(),
            *(self._node('tool_tracker', {'view': view}, name=f'tool_tracker_{view}') for view in VIEWS),
            self._node('pose_fusion', {}),
            self._node('scene_markers', {'overlay': self.rviz}),
            *(self._arms() if self.driver != 'none' else []),
            *self._recorder(),
            *([self._rviz()] if self.rviz else []),
        ]

    def _refuse_what_does_not_fit_the_world(self):
        if not self.world:
            if self.source == 'oracle':
                raise ValueError('dream_source:=oracle is the expert of robot_driver:=world; '
                                 f'robot_driver:={self.driver} has none')
            return
        if self.source not in ('oracle', 'onnx'):
            raise ValueError(f'dream_source:={self.source} knows nothing of what is on the table of '
                             'robot_driver:=world: choose oracle or onnx')
        if self.source == 'oracle' and not self.local:
            raise ValueError(f'dreamer_host:={self.given("dreamer_host")} goes with dream_source:=onnx: the expert of '
                             'robot_driver:=world dreams in the world itself')
        for name, given in (('camera_source', self.cameras), ('photos', self.given('photos'))):
            if given not in ('world', ''):
                raise ValueError(f'{name}:={given} does not go with robot_driver:=world, which has cameras of its own')

    def _of_config(self, kind, name):
        """The file of a task, rig, tool or robot: in the configuration folder, or the YAML file that is named."""
        if name.endswith(('.yaml', '.yml')):
            return _file(kind, name)
        path = self.config_dir / kind / f'{name}.yaml'
        if not path.is_file():
            known = sorted(file.stem for file in path.parent.glob('*.yaml'))
            raise ValueError(f'no {path}; there are: {", ".join(known) or "none"}')
        return path

    def _named(self, kind, name):
        """A file as the nodes are told of it: its name in the configuration folder, or a path that holds anywhere."""
        file = self._of_config(kind, name)
        return name if file.parent == self.config_dir / kind else str(file)

    def _namespace(self, below=''):
        """The namespace, or one below; relative as given, so that one that an including launch file pushes holds."""
        return '/'.join(filter(None, [self.given('namespace').rstrip('/'), below])) or None

    def _rooted(self, below=''):
        """The same from the root on, as other programs name it."""
        return f'/{(self._namespace(below) or "").lstrip("/")}'

    def _node(self, executable, parameters, name=None, namespace=None, of_task=True, remappings=()):
        """One of this package's nodes. When it ends all do, as in `dreamitate launch`."""
        common = {'config_dir': str(self.config_dir), **({'task': self.task, **self.other_rig} if of_task else {})}
        return Node(
            package='dreamitate', executable=executable, name=name or executable,
            namespace=namespace or self._namespace(), parameters=[{**common, **parameters}, *self.params_files],
            remappings=list(remappings), output='screen', on_exit=Shutdown(reason=f'{name or executable} ended'))

    def _world(self):
        """The world with its cameras and arms; how its expert is asked for a dream."""
        if not self.world:
            return []
        oracle = self.source == 'oracle'
        world = self._node('world', {'seed': self._seed('world_seed'), 'oracle': oracle}, remappings=HIDDEN_FRAMES)
        if not oracle:
            return [world]
        action = self._rooted('dream')
        goal = shlex.quote(f'{{task: {self.task}}}')
        return [world, *self._camera_frames(), LogInfo(msg='the expert dreams when it is asked: ros2 action send_goal '
                                                           f'{action} dreamitate_msgs/action/Dream {goal}')]

    def _dreamer(self):
        """The dreamer, or how to start it elsewhere; the photos of a video model. The world's expert needs neither."""
        if self.source == 'oracle':
            return []
        actions = []
        parameters = {'source': self.source, 'seed': self._seed('seed'), 'loop_view': self.rviz}
        if self.source == 'recorded':
            parameters['dream_dir'] = self._input('dream_dir')
        if self.source == 'onnx':
            parameters['model_dir'] = self._input('model_dir')
        if self.source == 'onnx' and self.cameras == 'files':
            # A photo from a file is as old as the last time that it was published.
            parameters['max_photo_age_s'] = 3.0 * PHOTO_PERIOD_S
            parameters['photo_timeout_s'] = 5.0 * PHOTO_PERIOD_S
            folder = str(_folder('photos', self.given('photos')))
            photos = {'source': 'files', 'folder': folder, 'rig': self.rig, 'rate_hz': 1.0 / PHOTO_PERIOD_S}
            actions.append(self._node('stereo_camera', photos, of_task=False))
        if self.source == 'onnx' and self.cameras == 'realsense':
            devices = {name: self._device(name) for name in ('top_device', 'side_device')}
            actions.append(self._node('stereo_camera', {'source': 'realsense', 'rig': self.rig, **devices}, of_task=False))
        if self.source == 'onnx' and self.cameras in ('topics', 'bag'):
            actions += self._recorded_cameras()
        if self.local:
            return [*actions, self._node('dreamer', parameters)]
        command = self._dreamer_command({'task': self.task, **self.other_rig, **parameters})
        return [*actions, LogInfo(msg=f'run the dreamer on {self.given("dreamer_host")}: {command}')]

    def _recorded_cameras(self):
        """The node that joins another driver's pictures, or a bag's, to pairs."""
        source = self.cameras
        topics = {name: self.given(name) for name in ('top_topic', 'side_topic') if self.given(name)}
        if source == 'topics' and not topics:
            return []
        if source == 'topics' and len(topics) == 1:
            raise ValueError('top_topic and side_topic go together')
        bag = {'bag': self._bag()} if source == 'bag' else {}
        return [self._node('stereo_camera', {'source': source, 'rig': self.rig, **topics, **bag}, of_task=False)]

    def _bag(self):
        bag = Path(self.given('camera_bag'))
        if not self.given('camera_bag') or not bag.exists():
            raise ValueError(f'camera_bag:={self.given("camera_bag")} must be a bag that exists')
        return str(bag.resolve())

    def _device(self, name):
        """A camera, with an underscore before a serial number: ROS would take it for a number."""
        device = self.given(name)
        if not device:
            raise ValueError(f'{name}:= is empty; camera_source:=realsense needs a serial number or a .bag file')
        return f'_{device}' if device.isdigit() else device

    def _seed(self, name):
        given = self.given(name)
        if not (given.isascii() and given.isdigit() and int(given) <= LARGEST_SEED):
            raise ValueError(f'{name}:={given} must be an integer from 0 to {LARGEST_SEED}')
        return int(given)

    def _input(self, name):
        """The folder of a dream or a model; one on another host cannot be looked at."""
        return str(_folder(name, self.given(name))) if self.local else self.given(name)

    def _dreamer_command(self, parameters):
        """The command line of a dreamer that finds the configuration of the host it runs on."""
        words = ['ros2', 'run', 'dreamitate', 'dreamer', '--ros-args']
        if self._namespace():
            words += ['-r', f'__ns:={self._rooted()}']
        for name, value in parameters.items():
            words += ['-p', f'{name}:={yaml.safe_dump(value, width=10**6).strip().removesuffix("...").strip()}']
        return shlex.join(words)

    def _arms(self):
        """The arms and the executor."""
        actions, remappings = [], []
        parameters = {'confirm': self.confirm == 'true'}
        if self.driver != 'real':
            parameters['joint_state_timeout_s'] = SIMULATED_JOINT_STATE_TIMEOUT_S
        for tool in self.tools.values():
            arm = tool['arm']
            robot_file = self._of_config('robots', self.arms[arm]['robot'])
            robot, tool_file = _read(robot_file), self._of_config('tools', tool['tool'])
            wanted = states = JOINT_STATES.format(arm=arm)
            action = robot['drivers'][robot['driver']]['action']
            if self.driver == 'real':
                words = {'arm': arm, 'prefix': self.arms[arm].get('joint_prefix', '')}
                states = self._filled('joint_states', words)
                action = self._filled('driver_action', {**words, 'action': action})
                if self.given('driver_action') != DRIVER_ACTION:
                    parameters[f'{arm}.action'] = action
                actions += self._fixed_frames(arm, robot, tool_file)
                actions.append(LogInfo(msg=f'the arm {arm} is moved through the action {action}, with joint states on '
                                           f'{states}: start its driver'))
            elif not self.world:
                simulated = {'rig': self.rig, 'arm': arm, 'tool': str(tool_file)}
                actions.append(self._node('simulated_arm', simulated, namespace=self._namespace(arm), of_task=False,
                                          remappings=HIDDEN_FRAMES))
            if self.driver == 'real':
                remappings.append((wanted, states))
            actions.append(self._state_publisher(arm, robot_file.parent / robot['urdf'], states))
        if self.confirm == 'true':
            actions.append(LogInfo(msg='before the arms move they wait for: ros2 service call '
                                       f'{self._rooted("arm_executor/confirm")} std_srvs/srv/Trigger'))
        return [*actions, self._node('arm_executor', parameters, remappings=remappings)]

    def _filled(self, name, words):
        """An argument with its {words} filled in."""
        try:
            return self.given(name).format(**words)
        except (KeyError, IndexError, ValueError):
            allowed = ', '.join(f'{{{word}}}' for word in words)
            raise ValueError(f'{name}:={self.given(name)} must be a name in which {allowed} may stand') from None

    def _state_publisher(self, arm, urdf, states):
        """
        Sends the frames of an arm's links, and its description for viewers, whatever moves the arm.

        `simulated_arm` and the world send the links' frames too, for users without ROS 2: here they go to a hidden
        topic, so that no frame has two senders. They still send where the base and the tool are.
        """
        description = _description(urdf, self.arms[arm].get('joint_prefix', ''))
        return Node(
            package='robot_state_publisher', executable='robot_state_publisher', name=f'{arm}_state_publisher',
            namespace=self._namespace(), output='screen',
            parameters=[{'robot_description': description, 'frame_prefix': f'{arm}/'}],
            remappings=[('joint_states', states), ('robot_description', f'{arm}/robot_description')])

    def _fixed_frames(self, arm, robot, tool_file):
        """Where a real arm's base and tool are: nobody else says so."""
        frames = {
            'base': ('world', f'{arm}/{robot["base_link"]}', self.arms[arm]['world_from_base']),
            'tool': (f'{arm}/{robot["tip_link"]}', f'{arm}/tool', _read(tool_file)['flange_from_tool']),
        }
        return [self._fixed_frame(f'{arm}_{name}_frame', *frame) for name, frame in frames.items()]

    def _camera_frames(self):
        """Where the cameras are, which a dreamer would say."""
        cameras = _read(self._of_config('rigs', self.rig))['cameras']
        return [self._fixed_frame(f'camera_{view}_frame', 'world', f'camera_{view}_optical_frame',
                                  cameras[view]['world_from_camera']) for view in VIEWS]

    def _fixed_frame(self, name, parent, child, pose):
        numbers = zip(('x', 'y', 'z', 'roll', 'pitch', 'yaw'), [*pose['xyz_m'], *pose['rpy_rad']])
        arguments = [word for key, number in numbers for word in (f'--{key}', str(number))]
        return Node(
            package='tf2_ros', executable='static_transform_publisher', name=name, namespace=self._namespace(),
            output='screen', arguments=[*arguments, '--frame-id', parent, '--child-frame-id', child])

    def _recorder(self):
        folder = self.given('record')
        if folder.lower() == 'false':
            return []
        if folder.lower() == 'true':
            folder = f'{self.task}_{time.strftime("%Y_%m_%d-%H_%M_%S")}'
        if Path(folder).exists():
            raise ValueError(f'record:={folder} is there already; a bag is never written over')
        command = ['ros2', 'bag', 'record', '--storage', 'mcap', '--all', '--output', folder]
        return [ExecuteProcess(cmd=command, name='bag_recorder', output='screen')]

    def _rviz(self):
        name = 'dreamitate.rviz' if len(self.tools) > 1 else 'dreamitate_one_arm.rviz'
        return Node(
            package='rviz2', executable='rviz2', name='rviz2', namespace=self._namespace(), output='screen',
            arguments=['-d', str(SHARE / 'config' / 'rviz' / name)])


def _chosen(given, auto):
    return auto if given == 'auto' else given


def _folder(name, given):
    if not given or not Path(given).is_dir():
        raise ValueError(f'{name}:={given} must be a folder that exists')
    return Path(given).resolve()


def _file(name, given):
    if not Path(given).is_file():
        raise ValueError(f'{name}: there is no file {given}')
    return Path(given).resolve()


def _read(path):
    return yaml.safe_load(path.read_text(encoding='utf-8'))


def _description(urdf, joint_prefix):
    """A robot's URDF as text, its joints named as in the joint states: with the prefix."""
    expanded = urdf.suffix.lower() == '.xacro'
    text = subprocess.check_output(['xacro', str(urdf)], text=True) if expanded else urdf.read_text(encoding='utf-8')
    robot = ElementTree.fromstring(text)
    for joint in robot.findall('joint'):
        joint.set('name', joint_prefix + joint.get('name'))
        for mimic in joint.findall('mimic'):
            mimic.set('joint', joint_prefix + mimic.get('joint'))
    return ElementTree.tostring(robot, encoding='unicode')
