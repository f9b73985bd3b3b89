"""The photographs' way into ``data/photos.npz``; no test needs the network.

``SIGN_DIGITS_ARCHIVE=FILE`` names upstream's archive and lets the last test run on it.
"""

import io
import os
import shutil
import struct
import subprocess
import sys
import tracemalloc
import urllib.error
import zipfile
import zlib
from http.client import IncompleteRead
from pathlib import Path

import fetch_photos as fetch
import numpy as np
import pytest
from PIL import Image, ImageDraw
from test_render_hands import is_flush_with_opposite_sides

import nn_helpers as nn

SCRIPT = Path(__file__).parents[1] / "data" / "fetch_photos.py"
SKIN, BACKDROP = (200, 140, 110), (150, 155, 170)
BEFORE = b"an earlier photos.npz"


def draw(*boxes):
    """Draw skin-coloured ellipses, one in each box (left, top, right, bottom)."""
    photo = Image.new("RGB", (100, 100), BACKDROP)
    for box in boxes:
        ImageDraw.Draw(photo).ellipse(box, fill=SKIN)
    return photo


def jpeg(photo):
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=95)
    return file.getvalue()


# Two students' pictures: sorted as text, 10 would come before 8 and 9.
PHOTOS = {
    "1/IMG_10.JPG": jpeg(draw((30, 20, 60, 90))),
    "0/IMG_8.JPG": jpeg(draw((20, 20, 80, 60))),
    "3/IMG_9.JPG": jpeg(draw((10, 30, 50, 90))),
    "4/IMG_12.JPG": jpeg(draw((40, 10, 60, 90))),
}


def write_archive(path, files=PHOTOS, extra=(), compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("top/", b"")
        archive.writestr("top/README.md", b"not below Dataset/")
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"top/Dataset/{name}")
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, content, compression)
        for name, content in extra:
            entry = zipfile.ZipInfo("harmless")
            entry.filename = name  # past the constructor, which cleans names
            archive.writestr(entry, content, compression)
    return path


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Write a small archive and make the script expect it."""
    files = {name: (b"100755", content) for name, content in PHOTOS.items()}
    monkeypatch.setattr(fetch, "DATASET_TREE", fetch.git_tree_hash(files))
    return write_archive(tmp_path / "archive.zip")


@pytest.fixture(params=["existing output", "no output"])
def refused(request, tmp_path, capsys):
    """Run the script and hold that it fails cleanly; returns what it says."""
    folder = tmp_path / "output"
    folder.mkdir()
    output = folder / "photos.npz"
    if request.param == "existing output":
        output.write_bytes(BEFORE)
    before = list(folder.iterdir())

    def run(*arguments):
        assert fetch.main([*map(str, arguments), "--output", str(output)]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("fetch_photos: ")
        assert said.err.count("\n") == 1
        assert list(folder.iterdir()) == before
        assert not before or output.read_bytes() == BEFORE
        return said.err

    return run


# --- The file it makes -----------------------------------------------------------------------


def test_output_keeps_the_data_contract_and_the_order_of_the_file_numbers(
    archive, tmp_path, capsys
):
    output = tmp_path / "photos.npz"
    assert fetch.main(["--archive", str(archive), "--output", str(output)]) == 0
    with np.load(output, allow_pickle=False) as file:
        data = dict(file)
    assert set(data) == {"dataset", "labels", "signers"}
    assert data["dataset"].dtype == np.uint8
    np.testing.assert_array_equal(data["labels"], [0, 3, 1, 4])
    np.testing.assert_array_equal(data["signers"], [0, 0, 1, 1])
    expected = [
        fetch.cut_out(Image.open(io.BytesIO(PHOTOS[name]))).ravel()
        for name in ("0/IMG_8.JPG", "3/IMG_9.JPG", "1/IMG_10.JPG", "4/IMG_12.JPG")
    ]
    np.testing.assert_array_equal(data["dataset"], expected)
    said = capsys.readouterr()
    assert said.err == ""
    for part in ("4 pictures of 2 signers", f"SIGN_DIGITS={output}", "Apache-2.0", "2011.08927"):
        assert part in said.out


def test_second_run_replaces_the_output_by_identical_bytes(archive, tmp_path):
    output = tmp_path / "photos.npz"
    runs = []
    for _ in range(2):
        assert fetch.main(["--archive", str(archive), "--output", str(output)]) == 0
        runs.append(output.read_bytes())
        output.write_bytes(BEFORE)
    assert runs[0] == runs[1]
    assert {path.name for path in tmp_path.iterdir()} == {"archive.zip", "photos.npz"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failed_write_leaves_nothing(archive, refused, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("os.replace", fail)
    assert (error.args[-1] if error.args else "Interrupted") in refused("--archive", archive)


def test_output_that_cannot_be_written_is_said_before_the_download(tmp_path, capsys):
    (tmp_path / "file").touch()
    for output in (tmp_path / "missing" / "photos.npz", tmp_path / "file" / "a.npz", tmp_path):
        assert fetch.main(["--archive", "never-opened.zip", "--output", str(output)]) == 1
        said = capsys.readouterr().err
        assert f"Can't write {output}" in said
        assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_read_only_folder_is_refused(tmp_path, capsys):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere: run the tests as one who is not root")
    assert fetch.main(["--archive", "never-opened.zip", "--output", str(tmp_path / "a.npz")]) == 1
    assert "Can't write" in capsys.readouterr().err


# --- The archive -----------------------------------------------------------------------------


@pytest.mark.skipif(
    shutil.which("git") is None, reason="git is not installed (Debian, Ubuntu: apt install git)"
)
def test_tree_hash_is_gits_own(tmp_path):
    files = {  # names that sort differently with a folder's slash and without
        "a/x": (b"100644", b"x"),
        "a/deep/er": (b"100755", b"\0\xff"),
        "a.b": (b"100644", b""),
        "a0": (b"100755", b"line\r\n"),
        "é": (b"100644", b"e"),
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*arguments, stdin=b""):
        command = ["git", *arguments]
        run = subprocess.run(
            command, cwd=tmp_path, input=stdin, env=clean, capture_output=True, check=True
        )
        return run.stdout.decode().strip()

    git("init", "--quiet")
    for name, (mode, content) in files.items():
        blob = git("hash-object", "-w", "--stdin", stdin=content)
        git("update-index", "--add", "--cacheinfo", f"{mode.decode()},{blob},{name}")
    assert fetch.git_tree_hash(files) == git("write-tree")


def test_dataset_is_read_with_the_modes_that_git_knows(tmp_path):
    path = write_archive(tmp_path / "a.zip", {"0/a": b"a"}, [("top/Dataset/1/b", b"b")])
    assert fetch.read_dataset(path) == {"0/a": (b"100755", b"a"), "1/b": (b"100644", b"b")}


def test_changed_byte_is_refused_before_decoding(archive, refused, monkeypatch):
    content = bytearray(PHOTOS["0/IMG_8.JPG"])
    content[len(content) // 2] ^= 1
    changed = PHOTOS | {"0/IMG_8.JPG": bytes(content)}
    write_archive(archive, changed)
    monkeypatch.setattr(fetch, "make_arrays", lambda files: pytest.fail("decoded"))
    said = refused("--archive", archive)
    assert fetch.DATASET_TREE in said
    assert fetch.git_tree_hash({k: (b"100755", v) for k, v in changed.items()}) in said


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.999], ids=str)
def test_truncated_archive_is_refused(archive, refused, kept):
    whole = archive.read_bytes()
    archive.write_bytes(whole[: kept if kept >= 1 else int(kept * len(whole))])
    assert "fetch it again" in refused("--archive", archive)


def test_any_damage_is_told_as_damage(tmp_path):
    rng = np.random.default_rng(0)
    text = rng.integers(0, 40, 300, dtype=np.uint8).tobytes()
    whole = write_archive(tmp_path / "a.zip", {"0/a": text, "1/b": text}).read_bytes()
    reasons, messages = set(), set()
    for _ in range(1500):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(damaged.size, size=2)] = rng.choice([0, 1, 255], 2)
        try:
            fetch.read_dataset(io.BytesIO(damaged.tobytes()))
        except ValueError as error:
            reasons.add(type(error.__cause__))
            messages.add(str(error))
    assert all(message.startswith("The archive isn't as GitHub makes") for message in messages)
    assert not any("\n" in message for message in messages)
    # Which others occur depends on the version of Python.
    assert reasons > {zipfile.BadZipFile, zlib.error}


@pytest.mark.parametrize("name", ["top/Dataset/../../x", "/etc/x", "a\\b", "C:x", "//s/x/y"])
def test_entry_that_climbs_out_is_refused(archive, refused, name):
    write_archive(archive, extra=[(name, b"x")])
    assert f"{name!r} leaves the folder" in refused("--archive", archive)


def test_bomb_is_refused_before_unpacking(archive, refused, monkeypatch):
    write_archive(archive, extra=[("top/Dataset/0/bomb", bytes(fetch.MAX_BYTES))])
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    assert f"more than {fetch.MAX_BYTES}" in refused("--archive", archive)


def test_bomb_that_lies_about_its_size_is_not_unpacked(archive, refused):
    size = fetch.MAX_BYTES // 2
    write_archive(archive, extra=[("top/Dataset/0/bomb", bytes(size))])
    archive.write_bytes(archive.read_bytes().replace(struct.pack("<L", size), struct.pack("<L", 9)))
    tracemalloc.start()
    try:
        assert "fetch it again" in refused("--archive", archive)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_compression_that_cannot_be_bounded_is_refused(archive, refused):
    write_archive(archive, compression=zipfile.ZIP_BZIP2)
    assert "neither stored nor deflated" in refused("--archive", archive)


def test_command_line_fails_in_one_line(tmp_path):
    def run(*arguments):
        command = [sys.executable, SCRIPT, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    failed = run("--archive", tmp_path / "missing.zip", "--output", tmp_path / "photos.npz")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.count("\n") == 1
    assert "can't be read" in failed.stderr
    assert "missing.zip" in failed.stderr
    assert list(tmp_path.iterdir()) == []
    assert run("--help").returncode == 0


# --- The download ----------------------------------------------------------------------------


class Response(io.BytesIO):
    """What urlopen returns; raises `error` where the content ends."""

    def __init__(self, content, error=None, headers=None):
        super().__init__(content)
        self.error, self.headers = error, headers or {}

    def read(self, size=-1):
        block = super().read(size)
        if not block and self.error:
            raise self.error
        return block


def test_download_gives_what_the_local_archive_gives(archive, tmp_path, monkeypatch):
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        content = archive.read_bytes()
        return Response(content, headers={"Content-Length": str(len(content))})

    monkeypatch.setattr(fetch.urllib.request, "urlopen", urlopen)
    local, remote = tmp_path / "local.npz", tmp_path / "remote.npz"
    assert fetch.main(["--archive", str(archive), "--output", str(local)]) == 0
    assert not asked
    assert fetch.main(["--output", str(remote)]) == 0
    assert local.read_bytes() == remote.read_bytes()
    assert asked[0].endswith("/zip/4b09433ef9d5c60602e8805bb54b8aa2428527f8")


def test_no_network_is_refused(refused, monkeypatch):
    def urlopen(url, timeout):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(fetch.urllib.request, "urlopen", urlopen)
    said = refused()
    assert "(Name or service not known)" in said
    assert "--archive" in said


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), IncompleteRead(b"", 9), None])
def test_download_that_breaks_off_is_refused(archive, refused, monkeypatch, error):
    half = archive.read_bytes()[:2000]
    monkeypatch.setattr(fetch.urllib.request, "urlopen", lambda *_, **__: Response(half, error))
    assert ("again" if error is None else str(error)) in refused()


def test_endless_download_is_refused(refused, monkeypatch):
    monkeypatch.setattr(fetch, "MAX_BYTES", 2**18)
    endless = Response(bytes(2**20), AssertionError("read to the end"))
    monkeypatch.setattr(fetch.urllib.request, "urlopen", lambda *_, **__: endless)
    assert "is longer than" in refused()


# --- The pictures ----------------------------------------------------------------------------


def within_class_variance(values, threshold):
    classes = values[values < threshold], values[values >= threshold]
    return sum(part.size * part.var() for part in classes if part.size) / values.size


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_otsu_parts_two_peaks(share):
    rng = np.random.default_rng(0)
    upper = rng.random(10_000) < share
    values = np.where(upper, rng.normal(60, 5, 10_000), rng.normal(-20, 8, 10_000))
    np.testing.assert_array_equal(values >= nn.otsu_threshold(values), upper)


def test_otsu_leaves_the_least_variance_within_the_classes():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0, 3, 3000), rng.normal(6, 2, 1000)])
    least = min(within_class_variance(values, t) for t in np.linspace(-5, 10, 500))
    assert within_class_variance(values, nn.otsu_threshold(values)) < 1.001 * least


def test_otsu_refuses_a_single_value():
    with pytest.raises(ValueError, match="values"):
        nn.otsu_threshold(np.full((4, 4), 7.0))


@pytest.mark.parametrize(
    ("box", "filled"),
    [((20, 30, 80, 60), (28, 14)), ((40, 10, 60, 90), (7, 28)), ((0, 0, 99, 99), (28, 28))],
)
def test_hand_is_centred_and_touches_two_opposite_sides(box, filled):
    image = fetch.cut_out(draw(box))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    for lit, length in ((columns, filled[0]), (rows, filled[1])):
        assert lit.size == pytest.approx(length, abs=2)
        assert lit[0] == pytest.approx(27 - lit[-1], abs=1)
        assert length < 28 or (lit[0], lit[-1]) == (0, 27)


def test_hand_keeps_its_luminance_on_black():
    image = fetch.cut_out(draw((20, 10, 80, 70)))
    luminance = Image.new("RGB", (1, 1), SKIN).convert("L").getpixel((0, 0))
    assert image[14, 14] == luminance
    assert image.max() <= luminance + 1
    assert not image[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    # Area averaging keeps the mean: a disc fills π/4 of its square.
    assert image.mean() == pytest.approx(luminance * np.pi / 4, rel=0.03)


def test_shrinking_averages_over_areas():
    photo = draw()
    for column in range(22, 78):  # two tones, equally reddish, that make one picture column
        skin = np.subtract(SKIN, 20 * (column % 2))
        ImageDraw.Draw(photo).line((column, 22, column, 77), fill=tuple(skin.tolist()))
    tones = np.unique(np.asarray(photo.convert("L"))[50, 22:78])
    np.testing.assert_allclose(fetch.cut_out(photo)[6:-6, 6:-6], tones.mean(), atol=1)


def test_ring_stays_open():
    photo = draw((20, 20, 80, 80))
    ImageDraw.Draw(photo).ellipse((35, 35, 65, 65), fill=BACKDROP)
    image = fetch.cut_out(photo)
    assert image[14, 14] == 0
    assert image[14, 3] > 0


@pytest.mark.parametrize("second", [(2, 2, 20, 20), (80, 75, 98, 98)])
def test_largest_component_is_the_hand(second):
    alone = fetch.cut_out(draw((35, 25, 70, 70)))
    np.testing.assert_array_equal(fetch.cut_out(draw((35, 25, 70, 70), second)), alone)


def test_exif_orientation_is_applied():
    photo = draw((30, 10, 50, 80), (30, 60, 80, 80))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    file = io.BytesIO()
    # Lossless, so equal to the last bit.
    photo.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    np.testing.assert_array_equal(fetch.cut_out(Image.open(file)), fetch.cut_out(photo))


def test_large_photograph_gives_the_same_picture():
    small = draw((30, 10, 50, 80), (30, 60, 80, 80))
    large = small.resize((3000, 3000), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(fetch.cut_out(large), fetch.cut_out(small))


@pytest.mark.parametrize(
    ("photo", "said"),
    [
        (np.random.default_rng(0).integers(0, 256, (300, 300, 3)), "0.6. of the variance"),
        (np.asarray(draw((40, 40, 55, 55))), "covers 2%"),
        (np.zeros((100, 100, 3)), "values are all 0"),
        (np.zeros((100, 90, 3)), r"photo must have shape .side, side, 3., got .100, 90, 3."),
        (np.zeros((100, 100)), "photo must have shape"),
    ],
)
def test_what_shows_no_hand_is_refused(photo, said):
    with pytest.raises(ValueError, match=said):
        nn.cut_out(photo.astype(np.uint8))


@pytest.mark.parametrize(
    ("labels", "signers"),
    [
        ([*range(10), *range(10)], [0] * 10 + [1] * 10),
        ([0, 1, 2, 2, 3], [0, 0, 0, 1, 1]),
        ([7, 9, 4, 5, 0], [0, 0, 1, 1, 2]),
        ([3, 3, 3], [0, 1, 2]),
    ],
)
def test_signer_starts_where_the_digit_does_not_rise(labels, signers):
    np.testing.assert_array_equal(fetch.infer_signers(np.array(labels)), signers)


@pytest.mark.skipif(
    "SIGN_DIGITS_ARCHIVE" not in os.environ,
    reason="SIGN_DIGITS_ARCHIVE is not set (to the path of the photographs' archive)",
)
def test_real_photographs(tmp_path):
    output = tmp_path / "photos.npz"
    archive = os.environ["SIGN_DIGITS_ARCHIVE"]
    assert fetch.main(["--archive", archive, "--output", str(output)]) == 0
    with np.load(output, allow_pickle=False) as file:
        dataset, labels, signers = (file[key] for key in ("dataset", "labels", "signers"))
    assert dataset.shape == (2062, 784)
    assert np.bincount(labels).tolist() == [205, 206, 206, 206, 207, 207, 207, 206, 208, 204]
    pictures = np.bincount(signers)
    assert (pictures.size, (pictures == 10).sum()) == (220, 190)
    np.testing.assert_array_equal(np.lexsort((labels, signers)), np.arange(2062))
    assert is_flush_with_opposite_sides(dataset).all()
    lit = (dataset > 0).mean(axis=1)
    assert 0.2 < lit.min() < lit.max() < 0.6
