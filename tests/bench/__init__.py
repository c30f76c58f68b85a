"""Commands that print a table; none is a timed test.

Importing the package first lets transformers import torchaudio.
"""

import soundclip_demo  # noqa: F401
