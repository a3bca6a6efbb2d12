"""The part of ROS 2's package `launch_ros` that our launch files use, where ROS 2 is not installed."""
