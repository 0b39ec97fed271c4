"""Known vulnerabilities in what we install: fails if there is one, and says so if nobody could be asked.

A package index without advisories (a mirror, a closed network) is no failure, and no success either: the closing line
tells how many packages were really looked up, and if that is none, the exit code is 77.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

AUDIT = (sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off")
LOCK = Path(__file__).resolve().parent.parent / "requirements-dev.txt"  # what runs in production is part of it
SKIPPED = 77  # as automake has it: nothing was tried
# Advisory ids that do not concern us, each with its reason.
HARMLESS: dict[str, str] = {}

ignored = [word for advisory in HARMLESS for word in ("--ignore-vuln", advisory)]
lock = ("--requirement", str(LOCK), "--require-hashes", "--disable-pip", "--timeout", "10")
audit = subprocess.run([*AUDIT, *lock, *ignored], capture_output=True, text=True)  # noqa: S603
try:
    packages = json.loads(audit.stdout)["dependencies"]
except ValueError:
    reason = (audit.stderr.strip().splitlines() or ["no answer"])[-1]
    print(f"pip-audit: nothing was looked up ({reason[:200]})")  # noqa: T201
    sys.exit(SKIPPED)
vulnerable = [package for package in packages if package.get("vulns")]
for package in vulnerable:
    told = ", ".join(
        f"{found['id']} (fixed in {', '.join(found['fix_versions']) or 'no version yet'})" for found in package["vulns"]
    )
    print(f"pip-audit: {package['name']} {package['version']}: {told}")  # noqa: T201
unknown = [package["name"] for package in packages if "skip_reason" in package]
print(f"pip-audit: {len(packages) - len(unknown)} of {len(packages)} packages looked up, {len(vulnerable)} vulnerable")  # noqa: T201
sys.exit(1 if vulnerable else SKIPPED if len(unknown) == len(packages) else 0)
