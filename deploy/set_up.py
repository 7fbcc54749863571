"""Creates or updates .venv with the pinned packages; run by `make`, with nothing but Python 3.11 or later.

uv does the work where it can be had, in seconds; pip does otherwise. Whatever pip is configured with (indexes, folders
of wheels, certificates), uv is told as well.
"""

import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
WANTED = ["--constraint", "constraints.txt", "--editable", ".[dev]"]
UV_OPTION = {
    "index-url": "--default-index",
    "extra-index-url": "--extra-index-url",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}


def main() -> int:
    """Installs, and returns the exit code of the installer."""
    if sys.version_info < (3, 11):
        print(
            f"expected Python 3.11 or later, got {sys.version.split()[0]}; try: make PYTHON=python3.12", file=sys.stderr
        )
        return 2
    if not PYTHON.exists():
        print(f"creating {ENVIRONMENT.name} with Python {sys.version.split()[0]}")
        venv.create(ENVIRONMENT, with_pip=True)
    configured = pip_configuration()
    if subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "uv"], cwd=ROOT, check=False).returncode == 0:
        command, environment = uv_command(configured)
        print("installing the pinned packages (about 2 GB; a minute or two on a first run)", flush=True)
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0:
            return 0
        print("uv did not manage; trying pip, which takes some minutes", file=sys.stderr)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--upgrade", "pip"], cwd=ROOT, check=False)
    return subprocess.run([PYTHON, "-m", "pip", "install", *WANTED], cwd=ROOT, check=False).returncode


def pip_configuration() -> dict[str, list[str]]:
    """What pip is configured with, by option; what the environment says comes after the files and wins."""
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    configured: dict[str, list[str]] = {}
    for line in listed.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.startswith(("global.", "install.", ":env:.")):
            configured[key.rpartition(".")[2]] = shlex.split(value)[0].split()
    return configured


def uv_command(configured: dict[str, list[str]]) -> tuple[list[str], dict[str, str]]:
    """The installation by uv, and the environment it runs in.

    RAI_TORCH picks torch's build where no folder of wheels holds it: ``cpu``, ``cu128``, ``auto`` (uv's torch backends).
    """
    command = [str(ENVIRONMENT / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    # pip takes the best version over all indexes; uv would stop at the first index that has the package.
    command += ["--index-strategy", "unsafe-best-match"]
    for name, option in UV_OPTION.items():
        for value in configured.get(name, []):
            if not value.startswith("file://") or Path(value.removeprefix("file://")).exists():
                command += [option, value]
    if backend := os.environ.get("RAI_TORCH"):
        command += ["--torch-backend", backend]
    environment = dict(os.environ)
    if certificates := configured.get("cert"):
        environment.setdefault("SSL_CERT_FILE", certificates[0])
    return [*command, *WANTED], environment


if __name__ == "__main__":
    sys.exit(main())
