"""Commands that print a table; none is a timed test.

Importing the package first lets transformers import torchaudio.
"""

import sys
from pathlib import Path

import soundclip_demo  # noqa: F401

sys.path.append(str(Path(__file__).parents[1]))  # what tests share they import from each other as pytest has it
