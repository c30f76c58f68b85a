"""Writes the tuned LLaVA as one folder in transformers' standard form: the adapter merged into the weights.

Of the paper suite it is a LLaVA-NeXT that plain transformers loads, pictures and all. Of the compact suite the vision
tower is this project's own class, so `import soundclip_demo.vision` has to come before `from_pretrained`.
"""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

from soundclip_demo import adapter
from soundclip_demo.captioner import Captioner
from soundclip_demo.config import Config, config_of
from soundclip_demo.parts import Parts
from soundclip_demo.suites import SUITES, llava_folder
from soundclip_demo.weights import sha256

from . import manifest

PICTURES = "preprocessor_config.json"  # how the hub's LLaVA wants its pictures
CARD = """---
library_name: transformers
pipeline_tag: image-text-to-text
---

# LLaVA tuned on sound tokens

A LLaVA with an adapter merged into its weights that was trained on sound tokens by `{command}`. A
sound's token enters as an embedding where the picture's class token would be: see `soundclip_demo/captioner.py`.

```python
{first}from transformers import {model}

llava = {model}.from_pretrained(FOLDER)
```

Data, settings and losses of the adapter:

```json
{card}
```
"""


def merge(captioner: Captioner, checkpoint: Path, out: Path) -> None:
    """Merges the adapter into a frozen captioner, for good, and saves model, tokenizer, card and manifest.

    Args:
        checkpoint: folder with `adapter/` and its `card.json`.

    Raises:
        ValueError: there is no adapter, or `out` holds anything but what a kill left of this very merge.
    """
    if not adapter.trained(checkpoint):
        raise ValueError(f"{checkpoint} holds no adapter: python -m training tune")
    source, file = Path(captioner.llava.name_or_path), out / "manifest.json"
    data = manifest.hash_of([sha256(each) for each in sorted(checkpoint.rglob("*")) if each.is_file()])
    begun = manifest.read(file)
    left = [each for each in out.glob("*") if not each.name.startswith("manifest.")]
    if left and (begun.get("data"), begun.get("complete")) != (data, False):
        raise ValueError(f"{out} is not empty")
    with manifest.running(file, {"llava": str(source)}, data, adapter=str(checkpoint)):
        _write(captioner, checkpoint, source, out)


def _write(captioner: Captioner, checkpoint: Path, source: Path, out: Path) -> None:
    merged = adapter.merge(captioner.llava, checkpoint)
    merged.save_pretrained(out)
    captioner.tokenizer.save_pretrained(out)
    if (source / PICTURES).is_file():
        shutil.copyfile(source / PICTURES, out / PICTURES)
    own = type(merged.model.vision_tower).__module__
    card = json.loads((checkpoint / "card.json").read_text())
    about = {
        "command": card.get("command", "python -m training"),
        "first": f"import {own}  # the vision tower's class\n\n" if own.startswith("soundclip_demo") else "",
        "model": type(merged).__name__,
        "card": json.dumps(card, indent=1),
    }
    (out / "README.md").write_text(CARD.format(**about))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training merge`."""
    parser.add_argument("--suite", choices=list(SUITES), default=Config.suite, help=f"default: {Config.suite}")
    parser.add_argument("--checkpoints", type=Path, help="folder with llava/ (default: the suite's own)")
    parser.add_argument("--out", type=Path, required=True, help="an empty folder, or one that is made")


def main(args: argparse.Namespace) -> int:
    config = config_of(args.suite)
    config = replace(config, checkpoints=args.checkpoints or config.checkpoints)
    merge(Parts(config).captioner("frozen"), llava_folder(config), args.out)
    return 0
