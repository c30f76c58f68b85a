"""Whether a setting can be used: values come from a browser and can be anything."""

from numbers import Integral, Real

from .config import MAX_NEW_TOKENS
from .errors import UserError
from .events import MODES, Setting
from .suites import Suite

PROMPT_LENGTH = 2000  # characters


def check(setting: Setting, suite: Suite, encoders: list[str], protocols: tuple[str, ...]) -> None:
    """Refuses what the parts behind would stumble over.

    Args:
        encoders: those that can run now.

    Raises:
        UserError: a value cannot be used.
    """
    kinds = {Real: (setting.t, setting.temperature), Integral: (setting.k, setting.top, setting.max_new_tokens)}
    kinds |= {str: (setting.encoder, setting.mode, setting.prompt)}
    if not all(isinstance(value, kind) for kind, values in kinds.items() for value in values):
        raise UserError("A value of the setting is missing, or of another kind.")
    if setting.encoder not in encoders:
        choice = f"Choose one of {', '.join(encoders)}." if encoders else "None is ready yet."
        raise UserError(f"There is no encoder “{setting.encoder}” here.", choice)
    if setting.mode not in MODES:
        raise UserError(f"There is no mode “{setting.mode}”.", f"Choose one of {', '.join(MODES)}.")
    if not 0.0 <= setting.t <= 1.0:
        raise UserError("The blend must lie between 0 (raw) and 1 (projected).")
    if setting.protocol is not None and setting.protocol not in protocols:
        raise UserError(f"There is no protocol “{setting.protocol}” here.", f"Choose one of {', '.join(protocols)}.")
    if not 0 <= setting.k <= suite.patches:
        raise UserError(f"k must lie between 0 and {suite.patches} patches.")
    if not 1 <= setting.top <= 50:
        raise UserError("Between 1 and 50 matches can be asked for.")
    if not 0.0 <= setting.temperature <= 10.0:
        raise UserError("The temperature must lie between 0 and 10.")
    if not 1 <= setting.max_new_tokens <= MAX_NEW_TOKENS or len(setting.prompt) > PROMPT_LENGTH:
        raise UserError("The prompt or the wanted caption is too long.", "Please ask in fewer words.")
