"""What LLaVA is shown while it learns: visual tokens and the text that belongs to them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from soundclip_demo.audio import decode
from soundclip_demo.captioner import relevant_patches
from soundclip_demo.projection import Projector, blend

from . import captions, corpus
from .features import Features
from .jsonlines import Lines
from .llava import Batch

PATCHES = (0, 0, 0, 8)  # how many patches a batch shows: mostly none, as on the page


class Pictures:
    """Pictures with what they show."""

    def __init__(self, features: Features, data: Path, random: np.random.Generator) -> None:
        self._features, self._random = features, random
        listed = {data / row["file"]: row for row in corpus.rows(data / "pictures.csv")}
        self._listed = [listed[file] for file in features.pictures]
        self._of_category: dict[str, list[int]] = {}
        for row, about in enumerate(self._listed):
            self._of_category.setdefault(about["category"], []).append(row)

    def words(self, size: int) -> Batch:
        """Single tokens with the words that name them."""
        rows = self._random.integers(0, len(self._listed), size)
        return self._tokens(rows)[:, None], [self._listed[row]["category"] for row in rows]

    def captions(self, size: int) -> Batch:
        """Tokens, sometimes with patches, and captions."""
        rows = self._random.integers(0, len(self._listed), size)
        visual, k = self._tokens(rows)[:, None], int(self._random.choice(PATCHES))
        if k:
            seen = [self.patches(token[0], row, k) for token, row in zip(visual, rows, strict=True)]
            visual = torch.cat([visual, torch.stack(seen)], dim=1)
        texts = [captions.of_picture(self._listed[r]["category"], self._listed[r]["kind"]) for r in rows]
        return visual, texts

    def patches(self, token: Tensor, row: int, k: int) -> Tensor:
        """The k patches [k, D] of picture `row` that are most relevant to `token` [D]."""
        patches = torch.from_numpy(np.array(self._features.patches[row])).float()
        return patches[relevant_patches(token, patches, k)]

    def of(self, names: tuple[str, ...]) -> list[int]:
        """Rows of the pictures of any of these picture categories."""
        return [row for name in names for row in self._of_category.get(name, [])]

    def _tokens(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self._features.tokens[rows]).float()


class Sounds:
    """Audio tokens of training sounds under every encoder and mode, with their captions."""

    def __init__(
        self,
        features: Features,
        models: dict[str, tuple[Callable[[Tensor], Tensor], Projector]],
        described: Lines,
        pictures: Pictures,
        random: np.random.Generator,
    ) -> None:
        self._pictures, self._random = pictures, random
        known = corpus.categories()
        rows = [i for i, sound in enumerate(features.sounds) if sound.split == "train"]
        self._models = [
            (torch.from_numpy(np.asarray(features.heard(name)[rows])).float(), *model) for name, model in models.items()
        ]
        self._categories = [known[features.sounds[i].category] for i in rows]
        for i, category in zip(tqdm(rows, desc="describing", unit="sound"), self._categories, strict=True):
            if i not in described.rows:
                described.add({"id": i, "text": captions.of_sound(category, decode(features.sounds[i].file))})
        self._texts = [described.rows[i]["text"] for i in rows]
        names = [category.name for category in self._categories]
        count = {name: names.count(name) for name in set(names)}
        weight = np.array([1 / np.sqrt(max(3, count[name])) for name in names])
        self._weight = weight / weight.sum()  # large categories a little less often

    def words(self, size: int) -> Batch:
        """Single tokens with the category's name."""
        rows, tokens = self._draw(size)
        return tokens[:, None], [self._categories[row].name for row in rows]

    def captions(self, size: int) -> Batch:
        """Tokens, sometimes with patches of a picture of the same thing, and captions."""
        rows, tokens = self._draw(size)
        visual, k = tokens[:, None], int(self._random.choice(PATCHES))
        if k:
            shown = [self._pictures.of(self._categories[row].pictures) for row in rows]
            rows, visual, shown = self._with_pictures(rows, visual, shown)
            seen = [
                self._pictures.patches(token[0], int(self._random.choice(group)), k)
                for token, group in zip(visual, shown, strict=True)
            ]
            visual = torch.cat([visual, torch.stack(seen)], dim=1)
        return visual, [self._texts[row] for row in rows]

    def _draw(self, size: int) -> tuple[list[int], Tensor]:
        """Rows, and a token for each: any encoder, any view; a third each raw, projected and in between."""
        rows = self._random.choice(len(self._texts), size, p=self._weight).tolist()
        heard, fusion, projector = self._models[self._random.integers(len(self._models))]
        view = self._random.integers(0, heard.shape[1], size)
        share = float(self._random.choice([0.0, 1.0, self._random.random()]))
        width = projector.shape["outputs"]
        with torch.no_grad():
            return rows, blend(fusion(heard[rows, view]), projector, width, share)

    @staticmethod
    def _with_pictures(
        rows: list[int], visual: Tensor, shown: list[list[int]]
    ) -> tuple[list[int], Tensor, list[list[int]]]:
        """Only the part of a batch whose categories have pictures."""
        kept = [i for i, group in enumerate(shown) if group]
        return [rows[i] for i in kept], visual[kept], [shown[i] for i in kept]
