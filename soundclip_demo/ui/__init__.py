"""The web page: layout, handlers and components. No tensors here; everything comes from the engine as events."""

from .layout import build
from .theme import launch_options

__all__ = ["build", "launch_options"]
