"""The launch files: what they say fits the nodes (always), and they start the suite (where `ros2 launch` is there)."""
import ast
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "launch" / "launch"
FILES = sorted(FOLDER.glob("*.launch.py"))
NODES = ("sim", "world_model", "planner", "assurance", "gate", "recorder")
BUILD_LIMIT_S = 3600
START_LIMIT_S = 120

# What the live test runs: `ros2 launch` without the command-line tools.
LAUNCHER = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
arguments = [tuple(word.split(":=", 1)) for word in sys.argv[2:]]
service = LaunchService(argv=sys.argv[2:])
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)]))
sys.exit(service.run())
"""

# Prints, as JSON, which nodes reported their health; runs where the workspace is sourced.
LISTENER = """
import json, sys, time
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
wanted, seen, limit = set(sys.argv[2:]), set(), time.monotonic() + float(sys.argv[1])
rclpy.init()
node = rclpy.create_node("launch_test_listener")
node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: seen.update(s.name for s in m.status), 50)
while not wanted <= seen and time.monotonic() < limit:
    rclpy.spin_once(node, timeout_sec=0.2)
print(json.dumps(sorted(seen)))
"""


def tree(name):
    """A launch file, parsed."""
    path = FOLDER / f"{name}.launch.py"
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def declared(name):
    """The arguments that a launch file declares, by their literal names."""
    return {
        call.args[0].value
        for call in ast.walk(tree(name))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("argument", "DeclareLaunchArgument")
        and call.args and isinstance(call.args[0], ast.Constant)
    }


def constant(name, variable):
    """The value of a constant at the head of a launch file."""
    for statement in tree(name).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == variable:
            return ast.literal_eval(statement.value)
    raise KeyError(variable)


def replay_parameters():
    """What replay.launch.py hands to the player."""
    for statement in tree("replay").body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "PARAMETERS":
            return {key.value for key in statement.value.keys}
    raise KeyError("PARAMETERS")


def known_parameters():
    """What the shells take; anything else makes them refuse to start."""
    text = (ROOT / "nodes/ros/src/params.rs").read_text(encoding="utf-8")
    return set(re.findall(r'^\s*"(\w+)" => self\.', text, re.MULTILINE))


def programs():
    """What the package of the nodes installs."""
    text = (ROOT / "nodes/ros/CMakeLists.txt").read_text(encoding="utf-8")
    return set(re.search(r"^set\(nodes ([^)]*)\)", text, re.MULTILINE).group(1).split())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_launch_file_is_sound_python(path):
    source = path.read_text(encoding="utf-8")
    compile(source, str(path), "exec")
    functions = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert "generate_launch_description" in functions


def test_there_are_the_three_launch_files():
    assert [path.name for path in FILES] == ["replay.launch.py", "robot.launch.py", "simulation.launch.py"]


def test_arguments():
    common = {"namespace", "use_sim_time", "config", "scenario", "tree", "zones", "permit_key", "record", "output",
              "log_level"}
    assert declared("robot") == common
    assert declared("simulation") == common | {"gazebo", "gazebo_args"}
    parameters = {"bag", "rate", "loop", "start_paused", "start_offset", "duration", "topics", "exclude", "clock_hz",
                  "full_speed_hz"}
    assert declared("replay") == parameters | {"log_level"}
    assert replay_parameters() == parameters <= known_parameters()


def test_simulation_hands_every_argument_of_the_robot_on():
    assert set(constant("simulation", "PASSED_ON")) == declared("robot")
    for name in ("WAIT_FOR_RECORDER_S", "RESPAWN_DELAY_S"):
        assert constant("simulation", name) == constant("robot", name)


def test_every_program_that_is_started_is_built_and_installed():
    started = set(constant("robot", "NODES"))
    for name in ("robot", "simulation", "replay"):
        for call in ast.walk(tree(name)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Node":
                words = {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}
                if words.get("package") == "outrider" and "executable" in words:
                    started.add(words["executable"])
    assert started == set(NODES) | {"player"}
    assert started <= programs()
    for program in programs():
        assert (ROOT / f"nodes/ros/src/bin/{program}.rs").is_file(), program


def test_nodes_know_every_parameter_they_are_given():
    known = known_parameters()
    assert {"config", "use_sim_time", "wait_for_recorder_s"} <= known
    given = replay_parameters()
    for name in ("robot", "simulation"):
        for call in ast.walk(tree(name)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Node":
                if any(word.arg == "package" and word.value.value != "outrider" for word in call.keywords):
                    continue
                for word in call.keywords:
                    if word.arg == "parameters":
                        dicts = [node for node in ast.walk(word.value) if isinstance(node, ast.Dict)]
                        given |= {key.value for node in dicts for key in node.keys}
    start_nodes = next(node for node in tree("robot").body if getattr(node, "name", "") == "start_nodes")
    for node in ast.walk(start_nodes):
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "parameters":
            given.add(node.slice.value)
        if isinstance(node, ast.DictComp):
            given |= set(ast.literal_eval(node.generators[0].iter))
    assert {"config", "scenario", "output", "bag", "rate", "use_sim_time"} <= given
    assert given <= known, given - known


def test_every_node_but_the_recorder_is_started_again():
    for name, function in (("robot", "start_nodes"), ("simulation", "embedded")):
        body = next(node for node in tree(name).body if getattr(node, "name", "") == function)
        calls = [n for n in ast.walk(body) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Node"]
        assert calls
        for call in calls:
            words = {word.arg: word.value for word in call.keywords}
            assert words["respawn"].value is True and "respawn_delay" in words
    body = next(node for node in tree("robot").body if getattr(node, "name", "") == "recorder")
    assert not any(isinstance(n, ast.keyword) and n.arg == "respawn" for n in ast.walk(body))


def test_no_node_of_two_is_given_a_name():
    """It would be both nodes' of the gate's process."""
    body = next(node for node in tree("robot").body if getattr(node, "name", "") == "start_nodes")
    calls = [n for n in ast.walk(body) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Node"]
    assert "gate" in constant("robot", "NODES") and calls
    for call in calls:
        words = {word.arg: word.value for word in call.keywords}
        assert "name" not in words and None not in words, ast.unparse(call)
        others = " ".join(ast.unparse(words[key]) for key in ("ros_arguments", "arguments", "remappings") if key in words)
        assert "__node" not in others and "__name" not in others, others


def test_gazebo_has_the_robot_of_the_configuration():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    robot = yaml.safe_load((ROOT / "config/robot.yaml").read_text(encoding="utf-8"))
    model = ElementTree.parse(ROOT / "launch/gazebo/amr.sdf").getroot().find("model")
    lidar = next(sensor for sensor in model.iter("sensor") if sensor.get("name") == "lidar")
    x, y, _, _, _, yaw = map(float, lidar.findtext("pose").split())
    assert (x, y, yaw) == (robot["lidar"]["x_m"], robot["lidar"]["y_m"], robot["lidar"]["yaw_rad"])
    assert lidar.findtext("gz_frame_id") == robot["lidar"]["frame"]
    length, width, _ = map(float, model.find("link/collision/geometry/box/size").text.split())
    corners = robot["footprint_m"]
    assert length == pytest.approx(max(c[0] for c in corners) - min(c[0] for c in corners))
    assert width == pytest.approx(max(c[1] for c in corners) - min(c[1] for c in corners))
    drive, limits = model.find("plugin"), robot["limits"]
    assert float(drive.findtext("max_linear_velocity")) == limits["v_max_mps"]
    assert float(drive.findtext("min_linear_velocity")) == limits["v_min_mps"]
    assert float(drive.findtext("min_linear_acceleration")) == -limits["brake_mps2"]
    assert float(drive.findtext("max_angular_velocity")) == limits["w_max_radps"]
    assert (drive.findtext("frame_id"), drive.findtext("child_frame_id")) == (robot["odom_frame"], robot["base_frame"])
    bridge = yaml.safe_load((ROOT / "launch/gazebo/bridge.yaml").read_text(encoding="utf-8"))
    to_gazebo = [entry for entry in bridge if entry["direction"] == "ROS_TO_GZ"]
    assert [entry["ros_topic_name"] for entry in to_gazebo] == ["cmd_vel"]
    assert robot["stamped_command"] == to_gazebo[0]["ros_type_name"].endswith("/TwistStamped")
    names = {entry["ros_topic_name"] for entry in bridge}
    assert names == {"/clock", "scan", "odom", "imu", "tf", "cmd_vel"}


# The live test.


def gazebo_takes(scenario):
    """What the launch file makes of a scenario for Gazebo; without `launch`, which need not be installed."""
    wanted = [part for part in tree("simulation").body if isinstance(part, ast.FunctionDef) and part.name == "of_scenario"]
    names = {"yaml": pytest.importorskip("yaml", reason="PyYAML is not installed"), "Path": Path}
    exec(compile(ast.Module(wanted, []), "simulation.launch.py", "exec"), names)  # pylint: disable=exec-used
    return names["of_scenario"](scenario, ROOT / "config")


def test_gazebo_starts_every_scenario_or_says_why_not():
    refused = 0
    for path in sorted((ROOT / "tests" / "scenarios").glob("*/*.yaml")):
        if "start:" not in path.read_text(encoding="utf-8"):
            continue
        try:
            world, start, _ = gazebo_takes(path)
        except RuntimeError as error:
            refused += 1
            assert "$" in str(error) and path.name in str(error)
            continue
        assert world.is_file(), path
        assert all(isinstance(number, (int, float)) for number in start), path
    assert 0 < refused < 30
    *_, left_out = gazebo_takes(ROOT / "tests/scenarios/doorways/automatic_door.yaml")
    assert "doors" in left_out


@pytest.mark.parametrize("world", sorted((ROOT / "config" / "worlds").glob("*.sdf")), ids=lambda path: path.stem)
def test_gazebo_has_sensors_in_every_world(world):
    plugins = {plugin.get("name") for plugin in ElementTree.parse(world).iter("plugin")}
    systems = ("Physics", "UserCommands", "SceneBroadcaster", "Sensors", "Imu")
    assert plugins >= {f"gz::sim::systems::{system}" for system in systems}


def test_the_image_has_every_message_package():
    """What ros-core does not have is named in both stages: programs do not even load without a message package."""
    core = {
        "action_msgs", "builtin_interfaces", "geometry_msgs", "lifecycle_msgs", "rcl", "rcl_action", "rcl_interfaces",
        "rcl_yaml_param_parser", "rosgraph_msgs", "sensor_msgs", "service_msgs", "std_msgs", "std_srvs",
        "type_description_interfaces", "unique_identifier_msgs",
    }
    package = ElementTree.parse(ROOT / "nodes" / "ros" / "package.xml")
    needed = {depend.text for depend in package.iter("depend")} - core - {"outrider_msgs"}
    stages = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[1:3]
    for stage in stages:
        assert needed <= {name.replace("-", "_") for name in re.findall(r"ros-jazzy-([a-z0-9-]+)", stage)}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The setup file of a workspace with the packages: the one that is sourced, else one built here with colcon."""
    for module in ("launch_ros", "osrf_pycommon", "rclpy", "ament_index_python"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"the Python module {module} is not installed: no ros2 launch to try")
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix
    try:
        get_package_prefix("outrider_bringup")
        get_package_prefix("outrider")
        return None
    except PackageNotFoundError:
        pass
    for tool in ("colcon", "cargo"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on PATH, and no workspace with the package outrider is sourced")
    folder = tmp_path_factory.mktemp("workspace")
    packages = [ROOT / "msgs", ROOT / "nodes/ros", ROOT / "launch"]
    log = folder / "build.log"
    with open(log, "wb") as out:
        code = subprocess.run(
            ["colcon", "--log-base", str(folder / "log"), "build", "--build-base", str(folder / "build"),
             "--install-base", str(folder / "install"), "--paths", *map(str, packages),
             "--cmake-args", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={sys.executable}"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, timeout=BUILD_LIMIT_S, cwd=folder,
        ).returncode
    assert code == 0, log.read_text(errors="replace")[-4000:]
    return folder / "install" / "local_setup.sh"


def sourced(setup, command):
    """A command, in the workspace."""
    if setup is None:
        return command
    return ["sh", "-c", 'setup=$0; COLCON_CURRENT_PREFIX=${setup%/*}; . "$setup"; exec "$@"', str(setup), *command]


@pytest.fixture
def session(workspace, tmp_path):
    """A running simulation.launch.py; whatever happens, it is ended with its nodes."""
    environment = dict(os.environ, ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST", ROS_HOME=str(tmp_path / "ros"))
    environment["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    if workspace is None:
        from ament_index_python.packages import get_package_share_directory
        file = Path(get_package_share_directory("outrider_bringup")) / "launch" / "simulation.launch.py"
    else:
        file = workspace.parent / "outrider_bringup/share/outrider_bringup/launch/simulation.launch.py"
    command = [sys.executable, "-c", LAUNCHER, str(file), f"output:={tmp_path / 'bags'}"]
    log = open(tmp_path / "launch.log", "wb")
    process = subprocess.Popen(
        sourced(workspace, command), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def listen(seconds, *names):
        words = [sys.executable, "-c", LISTENER, str(seconds), *names]
        done = subprocess.run(
            sourced(workspace, words), env=environment, capture_output=True, text=True, timeout=seconds + 60
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return set(re.findall(r'"([^"]+)"', done.stdout))

    try:
        yield process, listen, tmp_path
    finally:
        end(process)
        log.close()


def end(process):
    """SIGINT, as ^C; what does not heed it is killed. Its own session makes the group ours to end."""
    for sign, wait_s in ((signal.SIGINT, 20), (signal.SIGKILL, 10)):
        if process.poll() is None:
            os.killpg(process.pid, sign)
            try:
                process.wait(timeout=wait_s)
            except subprocess.TimeoutExpired:
                continue


def programs_running(process):
    """The programs of the package among the children of the launch: name to process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == process.pid and b"/lib/outrider/" in words[0]:
            found[Path(os.fsdecode(words[0])).name] = int(entry.name)
    return found


def wait_for(condition, limit_s):
    """The first true value of a condition."""
    limit = time.monotonic() + limit_s
    while time.monotonic() < limit:
        result = condition()
        if result:
            return result
        time.sleep(0.2)
    raise AssertionError(f"it did not become true in {limit_s} s")


def test_simulation_starts_restarts_what_dies_and_ends_whole(session):
    process, listen, folder = session
    expected = {f"outrider: {name}" for name in NODES}
    seen = listen(START_LIMIT_S, *sorted(expected))
    assert expected <= seen, (folder / "launch.log").read_text(errors="replace")[-4000:]

    first = programs_running(process)
    assert set(first) == set(NODES)
    for name in ("planner", "gate", "recorder"):
        os.kill(first[name], signal.SIGKILL)

    def all_again():
        now = programs_running(process)
        return set(now) == set(NODES) and all(now[n] != first[n] for n in ("planner", "gate", "recorder"))

    wait_for(all_again, START_LIMIT_S)
    assert expected <= listen(START_LIMIT_S, *sorted(expected))

    last = programs_running(process)
    end(process)
    assert process.returncode is not None
    assert not [name for name, pid in last.items() if Path(f"/proc/{pid}").exists()]
    bags = sorted(path.parent.name for path in (folder / "bags").glob("*/bag*/*.mcap"))
    assert bags == ["bag", "bag_2"], "the recorder that was started again has a bag of its own"
    assert (next((folder / "bags").glob("*/bag_2")) / "metadata.yaml").is_file(), "the last bag was closed"
