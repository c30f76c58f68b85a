"""Whisper on 3 s against Whisper on the same 3 s padded to 30: `python -m tests.bench.whisper_context`.

Embeddings of the example sounds from the packaged encoder, both ways, each centred by its own mean over the sounds.
The last column is the share of sounds whose nearest other sound is the same one both ways.
"""

import time

import torch
from torch import Tensor
from torch.nn import functional as F

from soundclip_demo import weights
from soundclip_demo.audio import decode, resample
from soundclip_demo.config import Config, limit_threads
from soundclip_demo.encoders.whisper import POSITIONS, SAMPLE_RATE, Trunk, load_trunk
from soundclip_demo.packed import pack


def main() -> None:
    limit_threads()
    config = Config()
    folder = weights.ensure("whisper", config.cache)
    windows = torch.stack([_window(file) for file in sorted(config.examples.glob("*.ogg"))])
    short, short_ms = _encode(load_trunk(folder), windows)
    padded, padded_ms = _encode(pack(load_trunk(folder, padded=True), POSITIONS), windows)
    print(f"{len(windows)} sounds: {short_ms:.0f} ms each on 3 s, {padded_ms:.0f} ms padded to 30 s")
    print(f"{'mean over time of':20} {'cosine':>8} {'lowest':>8} {'centred':>8} {'same neighbour':>15}")
    for layer in range(short.shape[1]):
        a, b = short[:, layer, 0], padded[:, layer, 0]
        cosine = F.cosine_similarity(a, b)
        a, b = a - a.mean(0), b - b.mean(0)
        same = (_nearest(a) == _nearest(b)).float().mean()
        print(
            f"{f'layer {layer + 1}':20} {cosine.mean():8.3f} {cosine.min():8.3f} "
            f"{F.cosine_similarity(a, b).mean():8.3f} {same:15.0%}"
        )


def _window(file) -> Tensor:
    sound = decode(file)
    heard = torch.from_numpy(resample(sound.window(sound.loudest()), sound.rate, SAMPLE_RATE))
    return 0.9 * heard / heard.abs().max()  # the short context scales to this peak by itself


def _encode(trunk: Trunk, windows: Tensor) -> tuple[Tensor, float]:
    """Layer statistics [N, L, 2, width] and milliseconds a window."""
    trunk.statistics(windows[:1])
    began = time.perf_counter()
    made = torch.cat([trunk.statistics(window[None]) for window in windows])
    return made, (time.perf_counter() - began) * 1000 / len(windows)


def _nearest(vectors: Tensor) -> Tensor:
    unit = F.normalize(vectors, dim=1)
    return (unit @ unit.T).fill_diagonal_(-1).argmax(1)


if __name__ == "__main__":
    main()
