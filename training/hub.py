"""A projector as the Hugging Face Hub keeps models: a folder of weights, configuration and model card.

huggingface_hub has a mixin for this, which is not used: it falls back to a pickled file where safetensors are missing,
lets weights be missing by default, and writes an empty card.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from soundclip_demo.encoders.whisperclip import Fusion
from soundclip_demo.projection import Projector

CONFIG, WEIGHTS, FUSION = "config.json", "model.safetensors", "fusion.safetensors"
CARD = """---
library_name: soundclip-demo
license: apache-2.0
pipeline_tag: feature-extraction
tags:
- audio
- clip
- retrieval
- projector
---

# Projector of {encoder} into CLIP space

Brings an embedding of a 3-second sound by {encoder} (width {inputs}) to a token of width {outputs} in CLIP's space,
near the token of a picture of what makes the sound. A three-layer MLP with layer norm and GELU and {weights:,} weights,
stored in float16. {fused}The method is that of [arXiv 2506.10416](https://arxiv.org/abs/2506.10416); these are not the
authors' weights.

## Data

{train:,} pairs to train on and {validation:,} to validate with, split by source video; {left_out:,} more were left out
for their alignment scores. Hash of the data: `{data}`.

## Settings

InfoNCE over cosines, {ways}; pairs of one source video are never each other's negatives. AdamW; the epoch with the
lowest validation loss is kept. `{command}`, {minutes} minutes:

```json
{training}
```

## Measured

Validation loss {loss:.4f} after epoch {epoch}. Nothing else was measured: look at retrieval on your own data before
you rely on it.

## Use

```python
from training.hub import HubProjector

projector = HubProjector.from_pretrained("{source}")
token = projector(features)  # [N, {features}] -> [N, {outputs}]
```

`model.safetensors` is also what the demo opens: copy it to `{encoder}-projector.safetensors` in its folder of
checkpoints{beside}. It takes no embeddings but those
of encoder spec `{encoder_spec}`. The encoder's own licence holds for what its weights may be used for.
"""

FUSED = """The embedding is fused from mean and standard deviation over time of each of the
encoder's {layers} layers; the fusion's weights, in `fusion.safetensors`, were trained together with the projector's.
"""


class HubProjector(nn.Module):
    """A projector behind its `head`, which makes the embedding of what `training clips` keeps of a sound.

    The head is WhisperCLIP's fusion, which is trained with the projector; other encoders' embeddings pass it as they
    are.

    Args:
        features: shape of what is kept, without N: [d], or [L, 2, width] of WhisperCLIP.
        outputs, hidden, dropout: the projector's.

    Attributes:
        card: what is known of it (encoder, data, settings, measured loss).
    """

    card: dict

    def __init__(self, features: Sequence[int], outputs: int, hidden: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.shape = {"features": list(features), "outputs": outputs, "hidden": list(hidden), "dropout": dropout}
        self.fused = len(features) > 1
        self.head = Fusion(features[0], features[-1]) if self.fused else nn.Identity()
        inputs = self.head.dim if self.fused else features[0]
        self.projector = Projector(inputs, outputs, hidden, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """What is kept of sounds [N, ...] -> tokens [N, D]."""
        return self.projector(self.head(features))

    @property
    def files(self) -> dict[str, Fusion | Projector]:
        """What lies in which file of the folder."""
        return {WEIGHTS: self.projector} | ({FUSION: self.head} if self.fused else {})

    def save_pretrained(self, folder: Path | str, source: str | None = None) -> None:
        """Writes `config.json`, `model.safetensors` (float16, opened by `Projector.load` as well), the fusion and
        `README.md`.

        Args:
            source: what the model card says to load it from; the folder's name unless it is a repository.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {"model_type": "soundclip-projector", "shape": self.shape, "card": self.card}
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
        for name, part in self.files.items():
            part.save(folder / name, self.card)
        (folder / "README.md").write_text(self._model_card(source or folder.name))

    @classmethod
    def from_pretrained(cls, source: Path | str, revision: str | None = None) -> "HubProjector":
        """Opens a folder or, where there is none of that name, a repository of the Hub at a revision.

        Raises:
            ValueError: it holds something else, or weights are missing, too many or of another shape.
        """
        folder = Path(source)
        if not folder.is_dir():
            folder = Path(snapshot_download(str(source), revision=revision, allow_patterns=[CONFIG, WEIGHTS, FUSION]))
        try:
            config = json.loads((folder / CONFIG).read_text())
            projector = cls(**config["shape"])
            projector.card = config["card"]
            for file, part in projector.files.items():
                part.load_state_dict({name: value.float() for name, value in load_file(folder / file).items()})
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise ValueError(f"{source} is no projector of this project: {error}") from error
        return projector.eval()

    def push_to_hub(self, repo_id: str, private: bool | None = None) -> str:
        """Uploads to a repository of the Hub, made if need be, in one commit; gives the commit's address.

        Wants a token of the Hub: `hf auth login`, or HF_TOKEN in the environment.
        """
        api = HfApi()
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, repo_id)
            return str(api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Projector"))

    def _model_card(self, source: str) -> str:
        card = self.card
        facts = {name: card[name] for name in ("encoder", "encoder_spec", "data", "command", "minutes")}
        training = card["training"]
        return CARD.format(
            **facts | self.projector.shape | card["pairs"],
            features=", ".join(map(str, self.shape["features"])),
            fused=FUSED.format(layers=self.shape["features"][0]) if self.fused else "",
            beside=f", and `{FUSION}` to `{card['encoder']}-fusion.safetensors`" if self.fused else "",
            weights=sum(weight.numel() for weight in self.parameters()),
            ways="from sound to picture" if training["one_way"] else "both ways",
            training=json.dumps(training, indent=1),
            loss=card["best_epoch"]["validation"],
            epoch=card["best_epoch"]["epoch"],
            source=source,
        )


def install(model: Path, encoder: str, checkpoints: Path) -> None:
    """Copies what `save_pretrained` wrote to where the demo, `tune` and `evaluate-clips` look for it."""
    for name, file in (("projector", WEIGHTS), ("fusion", FUSION)):
        if (model / file).exists():
            shutil.copyfile(model / file, checkpoints / f"{encoder}-{name}.safetensors")
