"""`python -m thumbnailer`."""

import sys

from thumbnailer.cli import main

sys.exit(main())
