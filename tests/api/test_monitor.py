"""What whoever runs the page can ask."""

import json
import urllib.request
from pathlib import Path

import pytest


def get(url: str) -> tuple[int, str, str]:
    with urllib.request.urlopen(url, timeout=30) as reply:
        return reply.status, reply.headers["Content-Type"], reply.read().decode()


def test_health_says_what_is_not_ready(address: str) -> None:
    status, kind, said = get(f"{address}health")
    assert (status, kind) == (200, "application/json")
    health = json.loads(said)
    assert health["ready"] == (not health["says"])


def counted(address: str, stage: str) -> float:
    lines = get(f"{address}metrics")[2].splitlines()
    found = [line for line in lines if line.startswith(f'soundclip_stage_seconds_count{{stage="{stage}"}}')]
    return float(found[0].split()[-1]) if found else 0.0


def test_metrics_count_every_analysis(address: str, client, sound: Path) -> None:
    from gradio_client import handle_file

    before = {stage: counted(address, stage) for stage in ("encode", "search", "place")}
    client.predict(handle_file(sound), caption=False, api_name="/analyze")
    assert {stage: counted(address, stage) - 1 for stage in before} == before


def test_metrics_are_prometheus_text_without_names_of_sounds(address: str, sound: Path) -> None:
    status, kind, said = get(f"{address}metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=")
    parser = pytest.importorskip("prometheus_client.parser")
    names = {family.name for family in parser.text_string_to_metric_families(said)}
    assert {"soundclip_stage_seconds", "process_resident_memory_bytes"} <= names
    assert sound.stem not in said
