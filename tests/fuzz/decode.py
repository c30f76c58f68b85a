"""Any bytes give a sound that keeps its promises, or a `UserError`.

    pip install atheris                                     # Linux and macOS, Python 3.11 to 3.13
    python -m tests.fuzz.decode -max_total_time=1800        # libFuzzer's options; -help=1 lists them

Files of `tests/hostile.py` are the seeds. What guides the search is the coverage of our own code and of soundfile's
Python: the C libraries come built without counters, so they are fuzzed as they are. A crash in one of them ends the run
and leaves its input behind; visitors' files are decoded in processes that may crash (`sandbox`).
"""

import os
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["soundclip_demo", "soundfile"]):
    import soundfile  # noqa: F401 - else imported later, without counters

    from soundclip_demo import audio
    from soundclip_demo.config import WINDOW_SECONDS, SoundLimits
    from soundclip_demo.errors import UserError

from tests import hostile

LIMITS = SoundLimits(seconds=5.0, decoded_bytes=16 * 2**20, wall_seconds=10.0)
LARGEST_SEED = 1 << 16  # bytes
FOLDER = Path(tempfile.gettempdir()) / "soundclip-fuzz"  # stays, as libFuzzer ends the process itself
GIVEN = FOLDER / f"given-{os.getpid()}"


def one(content: bytes) -> None:
    GIVEN.write_bytes(content)
    try:
        sound = audio.decode(GIVEN, LIMITS)
    except UserError as problem:
        assert problem.message.endswith((".", "!"))
        return
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert 0 < sound.seconds <= LIMITS.seconds
    assert np.isfinite(sound.samples).all()
    assert np.abs(sound.samples).max() <= 8
    assert LIMITS.min_rate <= sound.rate <= LIMITS.max_rate
    start = sound.loudest()
    assert 0 <= start <= max(0.0, sound.seconds - WINDOW_SECONDS) + audio.HOP
    try:
        window = sound.window(start)
    except UserError:  # silence
        return
    assert len(window) == round(WINDOW_SECONDS * sound.rate)


def seeds() -> Path:
    corpus = FOLDER / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, (_, content, _) in enumerate(hostile.files(FOLDER)):
        if isinstance(content, bytes) and len(content) <= LARGEST_SEED:
            (corpus / str(number)).write_bytes(content)
    return corpus


def main() -> None:
    # The libraries' own warnings are not shown; what takes longer than the limits allow is a finding. Seeds stay as
    # they are: to code without counters a shorter file looks just as good.
    options = [f"-max_len={LARGEST_SEED}", "-timeout=30", "-rss_limit_mb=3000"]
    options += ["-close_fd_mask=2", "-keep_seed=1", "-reduce_inputs=0"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(seeds())], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
