"""SoundCLIP demo: a sound in; matching videos, a caption and a place on the map out."""
