"""What the CLIP tower sees of picture and video files; the last few are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .audio import Sound
from .config import WINDOW_SECONDS, Config
from .errors import UserError
from .recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image
    from torch import Tensor

    from .suites import VisionTower


@dataclass(frozen=True)
class Picture:
    """A picture under the CLIP tower.

    Attributes:
        view: the square of it that the tower looks at.
        token: [D].
        patches: [P, D], in raster order over `view`.
    """

    view: "Image.Image"
    token: "Tensor"
    patches: "Tensor"


class Pictures:
    """Looks at files, each once."""

    def __init__(
        self, config: Config, tower: "Callable[[], VisionTower]", load_sound: "Callable[[Path], Sound]"
    ) -> None:
        self._limits, self._tower, self._load_sound = config.limits, tower, load_sound
        self._seen = Recent[tuple[str, float], Picture](config.picture_cache)

    def look(self, path: str | Path) -> Picture:
        """A picture, or a video's frame in the middle of the window that would be heard of it (a video without sound:
        in its own middle).

        Raises:
            UserError: the file cannot be used.
            NotReady: the tower is missing.
        """
        path = Path(path)
        changed = path.stat().st_mtime if path.is_file() else 0.0
        return self._seen.get((str(path), changed), lambda: self._look(path))

    def _look(self, path: Path) -> Picture:
        from .sandbox import middle_frame

        frame, tower = middle_frame(path, self._limits, self._window(path)), self._tower()
        token, patches = tower.look([frame])
        return Picture(tower.view(frame), token[0], patches[0])

    def _window(self, path: Path) -> tuple[float, float] | None:
        try:
            sound = self._load_sound(path)
        except UserError:
            return None
        start = sound.loudest()
        return start, start + min(WINDOW_SECONDS, sound.seconds)
