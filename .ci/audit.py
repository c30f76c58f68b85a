"""Asks PyPI which of the installed packages are known to be vulnerable: `python .ci/audit.py`.

Ends with 1 where a newer version of a package mends a vulnerability. One that nothing mends yet is said, and so is a
database that did not answer; neither stops a build. pip-audit runs in an environment of its own: this one is only
listed and stays as it is. pip is left out: it came with Python, and the demo does without it.
"""

import json
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

SECONDS = 120  # for the installation of pip-audit, and again for its 130 questions
AUDITOR = "pip-audit>=2.10,<3"


def main() -> int:
    try:
        report = ask(installed())
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"Vulnerabilities are not known: pip-audit gave no answer ({type(error).__name__}).")
        return 0
    sentences, mended = told(report)
    print("\n".join(sentences))
    return int(mended)


def installed() -> list[str]:
    """`name==version` of all that is installed. Advisories know no local versions, such as torch's +cpu."""
    return sorted({f"{one.name}=={one.version.split('+')[0]}" for one in distributions() if one.name != "pip"})


def ask(packages: list[str]) -> dict[str, Any]:
    """pip-audit's report.

    Raises:
        OSError, SubprocessError, ValueError: pip-audit could not be installed, took too long or wrote none.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", AUDITOR], check=True, timeout=SECONDS)
        listed, report = folder / "installed.txt", folder / "report.json"
        listed.write_text("\n".join(packages))
        ask = [python, "-m", "pip_audit", "-r", listed, "--no-deps", "--disable-pip", "-f", "json", "-o", report]
        # Its exit status is 1 for a vulnerability and for a failure alike, so it is the report that counts.
        subprocess.run([*ask, "--progress-spinner", "off"], capture_output=True, timeout=SECONDS)
        return json.loads(report.read_text())


def told(report: dict[str, Any]) -> tuple[list[str], bool]:
    """What a report says, in sentences, and whether something in it is mended by a newer version."""
    known = [package for package in report["dependencies"] if "vulns" in package]
    if not known:  # for a mirror without advisories, pip-audit skips every package and finds all well
        return ["Vulnerabilities are not known: the database has none of the installed packages."], False
    found = [(package, one) for package in known for one in package["vulns"]]
    count = len(report["dependencies"])
    sentences = [f"Of {count} packages {len(known)} are known, with {len(found)} vulnerabilities."]
    for package, one in found:
        way = f"mended in {', '.join(one['fix_versions'])}" if one["fix_versions"] else "not mended yet"
        sentences.append(f"{package['name']} {package['version']}: {one['id']}, {way}")
    return sentences, any(one["fix_versions"] for _, one in found)


if __name__ == "__main__":
    sys.exit(main())
