"""Make ``photos.npz`` from the public Sign Language Digits photographs.

The photographs (Mavi, A., 2020, arXiv:2011.08927, Apache-2.0) are downloaded at one pinned
commit, checked byte by byte against git's own hash, and cut out: 28×28 grayscale, one hand on
pure black, cropped to the hand and padded to a square. Run ``python data/fetch_photos.py``.
"""

import argparse
import hashlib
import io
import os
import re
import sys
import urllib.request
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

import nn_helpers as nn

COMMIT = "4b09433ef9d5c60602e8805bb54b8aa2428527f8"
URL = f"https://codeload.github.com/ardamavi/Sign-Language-Digits-Dataset/zip/{COMMIT}"
DATASET_TREE = "ce49498d2ec3bf55e680f4df99c5e788e4759e60"  # git's hash of the folder Dataset/
MAX_BYTES = 64 * 2**20  # the real archive holds 24 MB in 17 MB
LICENCE = "Photographs: Apache-2.0, Mavi, A. (2020), arXiv:2011.08927."
# What zipfile raises over a damaged archive, and `check_entries`.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)

Files = dict[str, tuple[bytes, bytes]]  # path below Dataset/ -> (git's file mode, content)


def download() -> io.BytesIO:
    """Download the archive into memory.

    Raises
    ------
    OSError
        If the server can't be reached or the download breaks off.
    ValueError
        If the archive is longer than `MAX_BYTES`.
    """
    file = io.BytesIO()
    try:
        with urllib.request.urlopen(URL, timeout=30) as response:
            size = int(response.headers.get("Content-Length", 0)) or None
            bar = tqdm(total=size, desc="download", unit="B", unit_scale=True, disable=None)
            with bar:
                while block := response.read(2**16):
                    bar.update(file.write(block))
                    if file.tell() > MAX_BYTES:
                        raise ValueError(f"{URL} is longer than {MAX_BYTES} bytes: refused.")
    except (OSError, HTTPException) as error:
        raise OSError(
            f"The download of {URL} failed ({getattr(error, 'reason', error)}): check the network "
            "and run again, or pass a downloaded copy with --archive."
        ) from error
    return file


def read_dataset(archive: Path | BinaryIO) -> Files:
    """Read the files below ``Dataset/`` from a zip archive, in memory.

    Parameters
    ----------
    archive : Path or binary file
        A zip archive with one top folder, as GitHub serves it.

    Returns
    -------
    dict of str to (bytes, bytes)
        Path below ``Dataset/`` -> (git's file mode, content).

    Raises
    ------
    OSError
        If the archive can't be read.
    ValueError
        If it is no whole zip archive, has an entry that leaves its folder, or unpacks to more
        than `MAX_BYTES`.
    """
    files: Files = {}
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            check_entries(entries)
            for entry in entries:
                _, folder, path = [*entry.filename.split("/", 2), "", ""][:3]
                if folder == "Dataset" and path and not entry.is_dir():
                    executable = entry.external_attr >> 16 & 0o100  # as upstream's pictures are
                    with opened.open(entry) as member:
                        content = member.read(entry.file_size)
                    files[path] = (b"100755" if executable else b"100644", content)
    except OSError as error:
        raise OSError(f"The archive can't be read: {error}.") from error
    except ZIP_ERRORS as error:
        reason = str(error) or "it ends early"
        raise ValueError(
            f"The archive isn't as GitHub makes it: {reason}; fetch it again."
        ) from error
    return files


def check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Check a zip archive's table of contents, before anything is unpacked.

    Raises
    ------
    ValueError
        If an entry leaves its folder, or the entries unpack to more than `MAX_BYTES`.
    """
    for entry in entries:
        name = entry.orig_filename  # as stored: zipfile rewrites `filename` on Windows
        path = PureWindowsPath(name)  # knows drive letters and both kinds of slash
        if path.anchor or ".." in path.parts or "\\" in name:
            raise ValueError(f"its entry {name!r} leaves the folder")
        # Of the others, zipfile may unpack more than it was asked for.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its entry {name!r} is neither stored nor deflated")
    size = sum(entry.file_size for entry in entries)
    if size > MAX_BYTES:
        raise ValueError(f"it unpacks to {size} bytes, more than {MAX_BYTES}")


def git_tree_hash(files: Files) -> str:
    """Compute the hash that git gives to a folder, which certifies every byte below it.

    Parameters
    ----------
    files : dict of str to (bytes, bytes)
        Path below the folder -> (git's file mode, content).

    Returns
    -------
    str
        The tree's SHA-1, 40 hexadecimal digits.
    """
    subfolders: dict[str, Files] = {}
    rows = []
    for path, (mode, content) in files.items():
        name, slash, path_below = path.partition("/")
        if slash:
            subfolders.setdefault(name, {})[path_below] = (mode, content)
        else:
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).digest()
            rows.append((name.encode(), mode + b" " + name.encode() + b"\0" + blob))
    for name, below in subfolders.items():
        tree = bytes.fromhex(git_tree_hash(below))
        # git sorts a folder as if its name ended in a slash
        rows.append((name.encode() + b"/", b"40000 " + name.encode() + b"\0" + tree))
    body = b"".join(row for _, row in sorted(rows))
    return hashlib.sha1(b"tree %d\0" % len(body) + body).hexdigest()


def cut_out(photo: Image.Image) -> np.ndarray:
    """Cut the hand out of a photograph, whatever its EXIF orientation; see `nn_helpers.cut_out`."""
    return nn.cut_out(np.asarray(ImageOps.exif_transpose(photo).convert("RGB")))


def infer_signers(labels: np.ndarray) -> np.ndarray:
    """Infer who signed, from the order in which the pictures were taken.

    Each student signed 0 to 9 in turn, so a new signer starts wherever the digit doesn't rise.

    Parameters
    ----------
    labels : ndarray, shape (n,), integers
        The digits in the order of the pictures' file numbers.

    Returns
    -------
    ndarray, shape (n,), integers
        Signers, counted from 0.
    """
    return np.cumsum(np.diff(labels, prepend=labels[:1]) <= 0) - 1


def make_arrays(files: Files) -> dict[str, np.ndarray]:
    """Turn the photographs into the arrays of the data file.

    Parameters
    ----------
    files : dict of str to (bytes, bytes)
        ``DIGIT/IMG_NUMBER.JPG`` -> (git's file mode, content).

    Returns
    -------
    dict of str to ndarray
        ``dataset`` (n, 784) uint8, ``labels`` (n,) and ``signers`` (n,) int64, in order of
        signer, then digit.
    """
    paths = sorted(files, key=lambda path: int(re.findall(r"\d+", path)[-1]))
    images = [
        cut_out(Image.open(io.BytesIO(files[path][1])))
        for path in tqdm(paths, desc="cut out", unit="picture", disable=None)
    ]
    labels = np.array([int(path.partition("/")[0]) for path in paths], dtype=np.int64)
    dataset = np.stack(images).reshape(len(paths), -1)
    return {"dataset": dataset, "labels": labels, "signers": infer_signers(labels)}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Make photos.npz from the public photographs.")
    parser.add_argument("--archive", type=Path, metavar="FILE", help=f"local copy of {URL}")
    default = Path(__file__).with_name("photos.npz")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", default=default, help="default: %(default)s"
    )
    arguments = parser.parse_args(argv)
    output = arguments.output
    try:
        folder = output.parent
        if output.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise OSError(f"Can't write {output}: name a file in a folder that takes one.")
        files = read_dataset(arguments.archive or download())
        tree = git_tree_hash(files)
        if tree != DATASET_TREE:
            raise ValueError(f"The photographs hash to {tree}, not to {DATASET_TREE}: changed.")
        arrays = make_arrays(files)
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        nn.write_atomically(output, file.getvalue())
    except (OSError, ValueError, KeyboardInterrupt) as error:
        print(f"fetch_photos: {str(error) or 'Interrupted.'}", file=sys.stderr)
        return 1
    print(LICENCE)
    print(
        f"{len(arrays['labels'])} pictures of {arrays['signers'][-1] + 1} signers are in {output}: "
        f"use them with SIGN_DIGITS={output}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
