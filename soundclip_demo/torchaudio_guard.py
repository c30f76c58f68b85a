"""Makes `import torchaudio` work beside a CPU build of torch. Import this before torchaudio, transformers or peft.

PyPI's torchaudio links CUDA libraries, so beside CPU torch its extension cannot load; transformers then fails
as well, because it imports torchaudio wherever it finds one. The pure-Python part (resampling, mel filters,
Kaldi features) needs no extension: where loading fails, an empty stand-in for the extension lets it through.
"""

import sys
from types import ModuleType


def _stand_in() -> ModuleType:
    extension = ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None
    extension.fail_if_no_align = lambda function: function
    return extension


try:
    import torchaudio  # noqa: F401
except OSError:
    sys.modules["torchaudio._extension"] = _stand_in()
    import torchaudio  # noqa: F401
