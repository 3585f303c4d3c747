#!/bin/bash
# Runs a command with ROS 2 and the suite sourced.
set -e
. /opt/ros/jazzy/setup.bash
. /opt/outrider/setup.bash
exec "$@"
