"""`import soundclip_demo` is light, and after it torchaudio and transformers can be imported."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "torchaudio", "transformers", "faiss", "gradio", "umap", "av", "numpy")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, soundclip_demo, soundclip_demo.config; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code) == "[]"


def test_the_command_line_answers_without_torch() -> None:
    code = (
        "import sys\nfrom soundclip_demo.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'transformers', 'faiss', 'gradio') if m in sys.modules])"
    )
    assert python(code).endswith("[]")


def test_whisper_and_resampling_can_be_imported() -> None:
    code = (
        "import soundclip_demo, torch\n"
        "from transformers.models.whisper.modeling_whisper import WhisperEncoder\n"
        "from torchaudio.functional import resample\n"
        "print(tuple(resample(torch.zeros(44100), 44100, 16000).shape))"
    )
    assert python(code) == "(16000,)"


def test_threads_may_import_transformers_at_once() -> None:
    """Every module that does so, each in a thread: one would get what another has imported by half (parts.py)."""
    files = [file for file in (ROOT / "soundclip_demo").rglob("*.py") if "\nfrom transformers " in file.read_text()]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    assert len(names) > 3
    code = (
        "import threading, soundclip_demo\nfrom importlib import import_module\n"
        f"names = {names}\ntogether, done = threading.Barrier(len(names)), []\n"
        "def work(name):\n    together.wait()\n    import_module(name)\n    done.append(name)\n"
        "threads = [threading.Thread(target=work, args=(name,)) for name in names]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(sorted(done) == sorted(names))"
    )
    assert python(code) == "True"


def test_a_torchaudio_that_is_there_already_is_left_alone() -> None:
    code = (
        "import sys, types\nsys.modules['torchaudio'] = types.ModuleType('torchaudio')\n"
        "import soundclip_demo\nprint('torchaudio._extension' in sys.modules)"
    )
    assert python(code) == "False"
