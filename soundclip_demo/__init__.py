"""SoundCLIP demo: a sound in; matching videos, a caption and a place on the map out."""

from . import torchaudio_guard

torchaudio_guard.install()
