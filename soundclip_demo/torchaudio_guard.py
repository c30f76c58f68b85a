"""Makes `import torchaudio` work beside a CPU build of torch; installed by `soundclip_demo/__init__.py`.

PyPI's torchaudio links CUDA libraries, so beside CPU torch its extension cannot load. transformers and peft then
fail as well, because they import torchaudio wherever they find one. The pure-Python part (resampling, mel filters,
Kaldi features) needs no extension: an empty stand-in, in place before the first import, lets it through.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

NEEDED = b"c10_cuda"  # the library that a CUDA build of the extension links and a CPU torch lacks


def install() -> None:
    """Puts the stand-in in place, only where the extension is there and cannot load. Imports nothing itself."""
    if "torchaudio" not in sys.modules and not _extension_loads():
        sys.modules["torchaudio._extension"] = _stand_in()


def _extension_loads() -> bool:
    torch, torchaudio = find_spec("torch"), find_spec("torchaudio")
    if torch is None or torchaudio is None:
        return True  # nothing to guard
    extensions = [
        file for file in Path(torchaudio.origin).parent.rglob("_torchaudio*") if file.suffix in (".so", ".pyd")
    ]
    if not any(NEEDED in file.read_bytes() for file in extensions):
        return True
    return any(NEEDED.decode() in file.name for file in (Path(torch.origin).parent / "lib").iterdir())


def _stand_in() -> ModuleType:
    extension = ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None
    extension.fail_if_no_align = lambda function: function
    return extension
