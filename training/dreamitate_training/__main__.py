import sys

from dreamitate_training.cli import main

sys.exit(main())
