"""The flags of whatever starts an engine: the page, or a process that several pages share."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from .config import Config, config_of
from .suites import SUITES


def engine_flags() -> argparse.ArgumentParser:
    """A parent for a parser whose flags `config_from` reads. The suite may come from the environment of a Space."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--gallery", type=Path, help="a folder made by `python -m soundclip_demo gallery build`")
    suite = os.environ.get("SOUNDCLIP_SUITE", Config.suite)
    parser.add_argument("--suite", choices=list(SUITES), default=suite, help="whose checkpoints are used")
    kept = "audio encoders in memory at a time"
    parser.add_argument("--encoders-kept", type=int, default=Config.encoders_kept, help=kept)
    parser.add_argument("--four-bit", action="store_true", help="the paper suite's LLaVA in 4 bits (bitsandbytes)")
    return parser


def config_from(flags: argparse.Namespace) -> Config:
    """The settings that the flags ask for."""
    config = config_of(flags.suite, flags.gallery)
    return replace(config, encoders_kept=max(1, flags.encoders_kept), four_bit=flags.four_bit)
