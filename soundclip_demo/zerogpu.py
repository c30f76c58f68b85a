"""ZeroGPU lends a Space its GPU for the length of a call; everywhere else a function is called as it is."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import TypeVar

Function = TypeVar("Function", bound=Callable)


def on_gpu(function: Function) -> Function:
    """`function` with the GPU lent to it where the Space has ZeroGPU, else `function` itself.

    A generator function is lent the GPU from its first item to its end. On ZeroGPU it runs in another process, ahead
    of what is asked of it: arguments and results are pickled, and closing it waits for its end.
    """
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true") or find_spec("spaces") is None:
        return function
    import spaces

    return spaces.GPU(function)
