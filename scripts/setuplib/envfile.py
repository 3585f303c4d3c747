""".ros/env.sh: the environment in which everything is built and run, for bash and for make's sh."""
from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from . import stamp
from .console import Stop
from .machine import Plan, clean_environment, compiler, python_headers

# The message packages r2r makes Rust types of; all that it finds would take several times as long to compile.
IDL_PACKAGES = (
    "builtin_interfaces", "std_msgs", "std_srvs", "geometry_msgs", "sensor_msgs", "nav_msgs", "tf2_msgs",
    "diagnostic_msgs", "rosgraph_msgs", "rcl_interfaces", "visualization_msgs", "lifecycle_msgs", "action_msgs",
    "unique_identifier_msgs", "service_msgs", "type_description_interfaces", "rosbag2_interfaces", "nav2_msgs",
    "outrider_msgs",
)

HEAD = """\
# Written by scripts/setup; source it from bash or sh. It may be sourced twice.
_outrider_first() {  # puts a piece at the head of a path list, once
  eval "_outrider_old=\\${$1-}"
  case ":$_outrider_old:" in
    *":$2:"*) ;;
    *) eval "$1=\\$2\\${_outrider_old:+:\\$_outrider_old}" ;;
  esac
  export "$1"
}
"""

NEED_SOURCED = """\
if [ "${{ROS_DISTRO-}}" != {distro} ]; then
  echo "this checkout is set up for a sourced ROS 2 {distro}: source it, or run scripts/setup again" >&2
  return 1
fi
"""

CHECK = """\
import ctypes, importlib, sys
import rclpy, sensor_msgs.msg
ctypes.CDLL("librcl.so")
for name in sys.argv[1:]:  # a package and what it has: pkg.msg, pkg.srv
    module = importlib.import_module(name)
    for kind in [getattr(module, word) for word in dir(module) if word[0].isupper()]:
        kind.__class__.__import_type_support__()
"""


def settings(plan: Plan, key: str) -> list:
    """(how, name, value): `set` replaces, `first` puts at the head of a list, `default` only fills an empty one."""
    from .messages import python_folder

    install = str(plan.install)
    values = [("set", "OUTRIDER_ROS", str(plan.ros)), ("first", "PATH", str(plan.venv / "bin"))]
    if plan.sourced:
        values += [("first", "AMENT_PREFIX_PATH", install), ("first", "CMAKE_PREFIX_PATH", install)]
        values += [("first", "LD_LIBRARY_PATH", f"{install}/lib"), ("default", "LIBCLANG_PATH", libclang(plan))]
        # The sourced ROS 2 brings pytest plug-ins that are made for its own, older pytest.
        values += [("set", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")]
    else:
        prefixes = f"{install}:{plan.venv}"
        libraries = [f"{install}/lib", f"{plan.venv}/lib", *map(str, sorted(plan.site.glob("ros_*.libs")))]
        values += [("set", "AMENT_PREFIX_PATH", prefixes), ("set", "CMAKE_PREFIX_PATH", prefixes)]
        values += [("first", "LD_LIBRARY_PATH", ":".join(libraries)), ("set", "LIBCLANG_PATH", libclang(plan))]
        values += [("set", "ROS_DISTRO", plan.distro), ("set", "RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")]
        values += [("set", "ROS_VERSION", "2"), ("set", "ROS_PYTHON_VERSION", "3")]
        # Else a hook in the wheels starts every Python twice, to set a library path that is set here.
        values += [("set", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "1")]
    bindings = python_folder(plan)
    if bindings:
        values.append(("first", "PYTHONPATH", str(bindings)))
    values += [("default", "ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")]
    values += [("default", "BINDGEN_EXTRA_CLANG_ARGS", compiler_include())]
    # r2r keeps its bindings for as long as certain variables stay the same, and never looks at the message files.
    # The last name, which no package has, changes with them.
    values += [("set", "IDL_PACKAGE_FILTER", ";".join([*IDL_PACKAGES, f"sources_{key[:12]}"]))]
    return values


def libclang(plan: Plan) -> str:
    return str(plan.site / "clang" / "native")


def compiler_include() -> str:
    """libclang's wheel has no headers of its own (stddef.h and the like): take those of the C compiler."""
    cc = compiler("CC", "cc", "gcc", "clang")
    for question, below in (("-print-file-name=include", ""), ("-print-resource-dir", "include")):
        done = subprocess.run([*cc, question], capture_output=True, text=True)
        folder = Path(done.stdout.strip()) / below
        if done.returncode == 0 and (folder / "stddef.h").is_file():
            return f"-I{folder}"
    return ""


def shell_text(plan: Plan, key: str) -> str:
    lines = [HEAD]
    if plan.sourced:
        lines.append(NEED_SOURCED.format(distro=shlex.quote(plan.distro)))
    for how, name, value in settings(plan, key):
        quoted = shlex.quote(value)
        if how == "set":
            lines.append(f"export {name}={quoted}\n")
        elif how == "first":
            lines.append(f"_outrider_first {name} {quoted}\n")
        elif value:
            lines.append(f'[ -n "${{{name}-}}" ] || export {name}={quoted}\n')
    return "".join(lines)


def applied(plan: Plan, env: dict, key: str) -> dict:
    """The same settings for a child process of the set-up itself."""
    env = dict(env)
    for how, name, value in settings(plan, key):
        old = env.get(name, "")
        if how == "first" and old:
            value = f"{value}:{old}"
        if how != "default" or not old:
            env[name] = value
    return env


def write_checked(plan: Plan, environ, key: str) -> None:
    """Writes env.sh only after a shell has sourced it and imported and loaded what the others rely on."""
    from .messages import OUR_PACKAGE

    trial = plan.env_file.with_name("env.trial.sh")
    trial.write_text(shell_text(plan, key))
    names = [f"{OUR_PACKAGE}.msg", "tf2_msgs.msg", "rosbag2_interfaces.srv", "nav2_msgs.action"] if python_headers() else []
    script = '. "$0" && exec python -c "$@"'
    done = subprocess.run(
        ["sh", "-c", script, str(trial), CHECK, *names], env=clean_environment(plan, environ),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    plan.log("verify").write_text(done.stdout)
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        raise Stop(f"the environment does not work ({last[:160]}): see {plan.shown(plan.log('verify'))}")
    trial.unlink()
    stamp.write_whole(plan.env_file, shell_text(plan, key))
