"""Makes the fake of ROS 2's launch packages importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / 'fake'))
