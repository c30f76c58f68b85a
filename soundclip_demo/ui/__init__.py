"""The web page: layout, handlers and components. No tensors here: the engine sends events."""

from .layout import build
from .theme import launch_options

__all__ = ["build", "launch_options"]
