"""The address of what is seen: encoder, share, patches and sound, never a visitor's own sound.

`link.js` alone reads and writes the address bar; what it reads is checked here, as anybody can have written it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

import gradio as gr

from ..events import Setting
from . import texts
from .given import number
from .scripted import scripted

LONGEST = 500  # characters of an address that are read
TEMPLATE = """
<div class="link"><button type="button" class="do link-talk"></button
  ><button type="button" class="do link-copy"></button><input class="link-text" readonly hidden
  ><span class="link-said" role="status" aria-live="polite"></span></div>
"""


@dataclass(frozen=True)
class Link:
    """What an address asks for.

    Attributes:
        share: how much of the right column's token is projected, in [0, 1].
        k: patches that the caption model sees of the best match; 0 for the sound alone.
        sound: id of an example or of a clip; empty for none, or a visitor's own.
        llava: which LLaVA writes the captions, frozen or tuned; empty for the usual one.
    """

    encoder: str = Setting.encoder
    share: float = 1.0
    k: int = 0
    sound: str = ""
    llava: str = ""

    @property
    def query(self) -> str:
        """`encoder=whisper&t=0.5&k=8&sound=dog`; what is not given is left out."""
        parts = {"encoder": self.encoder, "t": f"{self.share:g}"}
        parts |= {"k": self.k} if self.k else {}
        parts |= {"sound": self.sound} if self.sound else {}
        parts |= {"llava": self.llava} if self.llava else {}
        return urlencode(parts)


def read(
    query: str, encoders: Collection[str], sounds: Collection[str], most: int, llavas: Collection[str]
) -> tuple[Link, list[str]]:
    """What a query string asks for as far as it is here, and the names of what is not.

    Args:
        encoders, sounds, llavas: what is here; of several encoders the wanted one, else the default, else the first is
            taken.
        most: patches of a picture.
    """
    given = {name: values[-1] for name, values in parse_qs(query[:LONGEST].lstrip("?")).items()}
    usual = next((name for name in (Setting.encoder, *encoders) if name in encoders), Setting.encoder)
    wanted = {
        "encoder": (usual, lambda text: text if text in encoders else None),
        "t": (Link.share, lambda text: number(text, 0.0, 1.0)),
        "k": (Link.k, lambda text: int(text) if number(text, 0, most) is not None and text.isdecimal() else None),
        "sound": (Link.sound, lambda text: text if text in sounds else None),
        "llava": (Link.llava, lambda text: text if text in llavas else None),
    }
    values, unknown = {}, []
    for name, (default, understand) in wanted.items():
        value = understand(given[name]) if name in given else default
        values[name] = default if value is None else value
        unknown += [name] if value is None else []
    return Link(values["encoder"], values["t"], values["k"], values["sound"], values["llava"]), unknown


def link_button() -> gr.HTML:
    """`value` is what `state` gives; triggers `open` with the `query` of an address that was opened."""
    return scripted(
        "link.js",
        value=None,
        html_template=TEMPLATE,
        elem_id="link",
        words={
            "talk": texts.TALK_MODE,
            "copy": texts.COPY_LINK,
            "copied": texts.COPIED,
            "by_hand": texts.COPY_BY_HAND,
            "address": texts.ADDRESS,
        },
    )


def state(link: Link, title: str, name: str) -> Mapping[str, Any]:
    """The component's value: the address, and what a talk's heading says of it.

    Args:
        title: of the encoder.
        name: of the sound; empty before there is one.
    """
    kept = bool(link.sound) or not name
    return {
        "query": link.query,
        "encoder": link.encoder,
        "title": title,
        "share": link.share,
        "sound": link.sound,
        "name": name,
        "note": "" if kept else texts.LINK_WITHOUT_SOUND,
    }
