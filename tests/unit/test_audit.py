"""The audit of a build stops it for what can be mended, and for nothing else; what pip-audit reports is made up."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / ".ci" / "audit.py"
WELL = {"name": "numpy", "version": "2.4.6", "vulns": []}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited: torch (2.13.0)"}


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vulnerable(*fixes: str) -> dict:
    return {"name": "pillow", "version": "11.0.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": list(fixes)}]}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([WELL, SKIPPED], 0, "Of 2 packages 1 are known, with 0 vulnerabilities."),
        ([WELL, vulnerable("11.0.1", "12.0.0")], 1, "pillow 11.0.0: PYSEC-2026-1, mended in 11.0.1, 12.0.0"),
        ([WELL, vulnerable()], 0, "pillow 11.0.0: PYSEC-2026-1, not mended yet"),
        ([SKIPPED, SKIPPED], 0, "Vulnerabilities are not known: the database has none of the installed packages."),
    ],
)
def test_what_a_report_says(
    audit: ModuleType, packages: list[dict], status: int, said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(audit, "ask", lambda installed: {"dependencies": packages, "fixes": []})
    assert audit.main() == status
    assert said in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "problem", [FileNotFoundError(), subprocess.TimeoutExpired("pip", 300), subprocess.CalledProcessError(1, "pip")]
)
def test_without_an_answer_the_build_goes_on(
    audit: ModuleType, problem: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(installed: list[str]) -> None:
        raise problem

    monkeypatch.setattr(audit, "ask", fail)
    assert audit.main() == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Vulnerabilities are not known")


def test_what_is_installed_is_listed_as_advisories_know_it(audit: ModuleType) -> None:
    listed = dict(line.split("==") for line in audit.installed())
    assert "torch" in listed
    assert "pip" not in listed
    assert not any("+" in version for version in listed.values())
