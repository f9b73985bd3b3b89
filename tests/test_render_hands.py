"""The renderer of the embedded data set.

With ``EVERY_SIGNER=1`` the whole set is rendered and compared, in half a minute.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import render_hands

DATA = Path(__file__).resolve().parents[1] / "data"
SCRIPT = DATA / "render_hands.py"


@pytest.fixture(scope="module")
def embedded():
    with np.load(DATA / "sign_digits.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def is_flush_with_opposite_sides(images):
    """Whether the hand touches the left and right or the upper and lower edges."""
    lit = images.reshape(-1, 28, 28) > 0
    upper_lower = lit[:, 0].any(axis=1) & lit[:, -1].any(axis=1)
    left_right = lit[:, :, 0].any(axis=1) & lit[:, :, -1].any(axis=1)
    return upper_lower | left_right


# --- The embedded file -----------------------------------------------------------------------


def test_embedded_set_is_what_the_script_renders(embedded):
    """Its first signers, whatever their number, and a few from all over it."""
    n = 500 if "EVERY_SIGNER" in os.environ else render_hands.SIGNERS_AT_ONCE + 2
    images, labels, signers = render_hands.render_signers(n, seed=0)
    others = range(n, 500, 40)
    hands = [render_hands.draw_hands(0, signer, signer + 1) for signer in others]
    images = np.concatenate([images, *map(render_hands.photograph, hands)])
    stored = embedded["dataset"][np.isin(embedded["signers"], [*range(n), *others])]
    difference = np.abs(images.astype(int) - stored.astype(int))
    # A last bit that another CPU rounds differently may move a pixel across a threshold.
    assert (difference > 1).mean() <= 1e-4
    np.testing.assert_array_equal(labels, embedded["labels"][: 10 * n])
    np.testing.assert_array_equal(signers, embedded["signers"][: 10 * n])


def test_no_signers_no_pictures():
    with pytest.raises(ValueError, match="n_signers must be at least 1, got 0"):
        render_hands.render_signers(0, seed=0)


def test_embedded_set_has_the_agreed_form(embedded):
    assert set(embedded) == {"dataset", "labels", "signers"}
    assert embedded["dataset"].shape == (5000, 784)
    assert embedded["dataset"].dtype == np.uint8
    np.testing.assert_array_equal(embedded["labels"], np.tile(np.arange(10), 500))
    np.testing.assert_array_equal(embedded["signers"], np.repeat(np.arange(500), 10))
    assert (DATA / "sign_digits.npz").stat().st_size < 4e6


def test_embedded_hands_fill_their_pictures(embedded):
    images = embedded["dataset"]
    assert is_flush_with_opposite_sides(images).all()
    hand_share = (images > 0).mean(axis=1)
    assert hand_share.min() > 0.08
    assert hand_share.max() < 0.85
    assert images.max(axis=1).min() > 60  # no picture too dark to see
    columns = images.reshape(-1, 28, 28).any(axis=1)
    assert np.abs(columns.argmax(axis=1) - columns[:, ::-1].argmax(axis=1)).max() <= 1  # centred


# --- Rendering -------------------------------------------------------------------------------


def test_other_seeds_and_other_signers_give_other_pictures():
    images, other = (render_hands.render_signers(2, seed)[0] for seed in (5, 6))
    assert (images != other).any(axis=1).all()
    assert (images[:10] != images[10:]).any(axis=1).all()


@pytest.mark.parametrize("turn", [-80, 0, 80])
def test_background_is_black_however_the_hand_is_turned(turn):
    hands = render_hands.draw_hands(1, 0, 1)
    hands = hands._replace(view=hands.view + np.array([0, 0, turn]))
    images = render_hands.photograph(hands).reshape(-1, 28, 28)
    assert images.dtype == np.uint8
    assert is_flush_with_opposite_sides(images.reshape(-1, 784)).all()
    margin = (images == 0).mean(axis=(1, 2))
    assert (margin > 0.1).all()


# --- The skeleton ----------------------------------------------------------------------------


def bone_lengths(joints):
    return np.linalg.norm(np.diff(joints, axis=-2), axis=-1)


def test_bending_fingers_keeps_their_phalanges():
    rng = np.random.default_rng(0)
    phalanges = rng.uniform(0.1, 0.5, (7, 4, 3))
    knuckles = rng.normal(size=(7, 4, 3))
    joints = render_hands.finger_joints(
        knuckles, phalanges, rng.uniform(-20, 120, (7, 4, 3)), rng.uniform(-30, 30, (7, 4))
    )
    assert joints.shape == (7, 4, 4, 3)
    np.testing.assert_allclose(joints[:, :, 0], knuckles)
    np.testing.assert_allclose(bone_lengths(joints), phalanges)


def test_fingers_bend_towards_the_camera_and_tilt_towards_the_thumb():
    knuckles, phalanges = np.zeros((1, 4, 3)), np.ones((1, 4, 3))
    flexion, abduction = np.zeros((1, 4, 3)), np.zeros((1, 4))
    straight = render_hands.finger_joints(knuckles, phalanges, flexion, abduction)
    np.testing.assert_allclose(straight[0, 0, 3], [0, 3, 0], atol=1e-12)
    flexion[..., 0] = 90
    bent = render_hands.finger_joints(knuckles, phalanges, flexion, abduction)
    np.testing.assert_allclose(bent[0, 0, 3], [0, 0, 3], atol=1e-12)
    tilted = render_hands.finger_joints(knuckles, phalanges, 0 * flexion, abduction + 90)
    np.testing.assert_allclose(tilted[0, 0, 3], [3, 0, 0], atol=1e-12)


def test_fabrik_reaches_what_can_be_reached_and_keeps_the_bones():
    rng = np.random.default_rng(1)
    chain = np.cumsum(rng.uniform(0.2, 0.5, (50, 4, 3)), axis=1)
    reach = bone_lengths(chain).sum(axis=1)
    direction = rng.normal(size=(50, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    goal = chain[:, 0] + direction * (reach * rng.uniform(0.4, 0.85, 50))[:, None]
    before = chain.copy()
    bent = render_hands.fabrik(chain, goal)
    np.testing.assert_array_equal(chain, before)
    np.testing.assert_array_equal(bent[:, 0], chain[:, 0])
    np.testing.assert_allclose(bone_lengths(bent), bone_lengths(chain))
    assert np.linalg.norm(bent[:, -1] - goal, axis=1).max() < 0.02


def test_fabrik_stretches_towards_what_is_too_far():
    chain = np.array([[[0, 0, 0], [0, 1, 0], [0.2, 2, 0], [0, 3, 0.0]]])
    length = bone_lengths(chain).sum()
    bent = render_hands.fabrik(chain, np.array([[10.0, 0, 0]]))
    np.testing.assert_allclose(bent[0, -1], [length, 0, 0], atol=0.01)


def test_joints_stay_within_their_limits():
    hands = render_hands.draw_hands(3, 0, 100)
    assert hands.flexion[..., 0].min() >= -15  # knuckles bend back a little, other joints do not
    assert hands.flexion[..., 1:].min() >= 0
    assert hands.flexion.max() <= 115
    assert np.abs(hands.abduction).max() <= 30


@pytest.mark.parametrize("digit", [6, 7, 8, 9])
def test_the_thumb_touches_the_finger_of_its_digit(digit):
    hands = render_hands.draw_hands(3, 0, 20)
    fingers = render_hands.finger_joints(
        hands.knuckles, hands.phalanges, hands.flexion, hands.abduction
    )[digit::10]
    goal = (
        np.einsum("bfj,bfjx->bx", hands.thumb_anchor[digit::10], fingers)
        + hands.thumb_offset[digit::10]
    )
    thumb = render_hands.thumb_joints(hands.thumb_bones[digit::10], goal)
    distance = np.linalg.norm(thumb[:, None, -1] - fingers[:, :, 3], axis=2)
    finger = 9 - digit  # 9 index, 8 middle, 7 ring, 6 pinky
    assert (distance.argmin(axis=1) == finger).mean() > 0.8


# --- The camera and the light ----------------------------------------------------------------


def test_turns_keep_distances_and_follow_their_names():
    points = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]])
    turned = render_hands.rotate(points, np.array([[30.0, -20, 50]]))[0]
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    yaw = render_hands.rotate(points, np.array([[90.0, 0, 0]]))[0]
    np.testing.assert_allclose(yaw[2], [1, 0, 0], atol=1e-12)  # the palm turns to the right
    pitch = render_hands.rotate(points, np.array([[0, 90.0, 0]]))[0]
    np.testing.assert_allclose(pitch[1], [0, 0, -1], atol=1e-12)  # the fingers tip away
    roll = render_hands.rotate(points, np.array([[0, 0, 90.0]]))[0]
    np.testing.assert_allclose(roll[1], [1, 0, 0], atol=1e-12)  # clockwise


CELLS = np.arange(render_hands.CELLS) + 0.5


def test_a_bone_is_covered_like_by_a_ball_that_rolls_along_it():
    rng = np.random.default_rng(2)
    for _ in range(20):
        start, end = rng.uniform(15, 40, (2, 5))
        start[3] = end[3] = rng.uniform(3, 8)
        height, within, tone = render_hands.bone_surface(start, end, CELLS, CELLS[:, None])
        share = np.linspace(0, 1, 400)[:, None, None]
        x, y, z, radius, _ = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        distance = np.hypot(CELLS - x, CELLS[:, None] - y)
        bulge = radius**2 - distance**2
        ball = np.where(bulge > 0, z + np.sqrt(np.maximum(bulge, 0)), -np.inf).max(axis=0)
        covered = (radius - distance).max(axis=0)
        clear = np.abs(covered) > 0.2
        np.testing.assert_array_equal((within > 0)[clear], (covered > 0)[clear])
        np.testing.assert_allclose(height[covered > 0.2], ball[covered > 0.2], atol=0.05)
        assert min(start[4], end[4]) <= tone.min() <= tone.max() <= max(start[4], end[4])


def stick(x, z, tone=1.0):
    """Make a finger that stands upright in the middle of a picture."""
    return np.array([[x, 15.0, z, 4, tone], [x, 40, z, 4, tone]])


def test_the_nearest_chain_counts():
    near, far = stick(28.5, 20, 0.3), stick(29.5, 0, 0.9)
    alone = render_hands.surface([near], 20)
    both = render_hands.surface([far, near], 20)
    middle = np.s_[:, 20:35, 26:31]
    np.testing.assert_allclose(both[middle][[0, 2]], alone[middle][[0, 2]], atol=1e-6)


def test_the_groove_between_chains_is_filled_and_outlines_get_webs():
    sticks = stick(24, 0), stick(33, 0)  # one cell apart
    alone = [render_hands.surface([s], 40) for s in sticks]
    depth, inside, _ = render_hands.surface(sticks, 40)
    nearest = np.maximum(*alone)
    assert (depth[20:35, 28] > nearest[0, 20:35, 28] + 0.1).all()
    assert (nearest[1, 20:35, 28] < 0).all()
    assert (inside[20:35, 28] > 0).all()
    assert (inside[:, :18] < 0).all()


def test_crop_ends_at_the_lower_edge_of_the_photo():
    hand = np.array([[[0.0, 1, 0, 0.5, 1], [0, 0, 0, 0.5, 1]]])
    arm = np.array([[[0.0, 0, 0, 0.25, 1], [5, -3, 0, 0.25, 1]]])
    corner, side, bottom = render_hands.crop([hand, arm], np.array([1.5]))
    assert (side[0], bottom[0]) == (1.5, 0)  # what lies below 0 does not widen the crop
    np.testing.assert_allclose(corner[0], [-0.75, 1.5])


def test_masked_blur_keeps_what_is_even():
    mask = np.zeros((1, 12, 12), bool)
    mask[0, 3:9, 2:7] = True
    blurred = render_hands.masked_blur(np.where(mask, 3.0, 99.0), mask, 1.5)
    np.testing.assert_allclose(blurred, np.where(mask, 3.0, 0.0))


@pytest.mark.parametrize("lamp", [(0.5, 0, 1), (-0.5, 0, 1), (0, 0.5, 1), (0, -0.5, 1)])
def test_a_surface_that_faces_the_lamp_is_brightest(lamp):
    x, y, z = lamp
    rows, columns = np.mgrid[:20, :20]

    def light_on(depth):
        return render_hands.facing_light(1.0 * depth[None], np.array([lamp]))[0]

    # The normal of a plane points to where the plane falls away; rows count downwards.
    facing = (-x * columns + y * rows) / z
    assert light_on(facing)[8:12, 8:12].min() > 0.99  # slopes are limited a little
    assert light_on(-facing)[8:12, 8:12].max() < 0.7
    assert light_on(0 * facing)[8:12, 8:12].max() < 0.95


@pytest.mark.parametrize("lamp", [(0, 0, 1), (0.7, 0.7, 0.2), (0, 1, -0.5)])
def test_exposure_makes_up_for_the_light(lamp):
    hands = render_hands.draw_hands(2, 0, 1)
    hands = hands._replace(light=np.tile(np.array(lamp, float), (10, 1)))
    images = render_hands.photograph(hands).reshape(-1, 28, 28) / 255
    lit = images.sum(axis=(1, 2)) / (images > 0.02).sum(axis=(1, 2))
    assert np.abs(lit / hands.brightness - 1).max() < 0.15


# --- The command -----------------------------------------------------------------------------


def test_command_writes_the_file_byte_for_byte_again(tmp_path):
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    for path in (first, second):
        done = run("--signers", 2, "--seed", 7, "--output", path)
        assert done.returncode == 0, done.stderr
    assert first.read_bytes() == second.read_bytes()
    with np.load(first, allow_pickle=False) as file:
        expected = render_hands.render_signers(2, seed=7)
        for key, array in zip(("dataset", "labels", "signers"), expected, strict=True):
            np.testing.assert_array_equal(file[key], array)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.npz", "second.npz"]


def test_course_like_file_holds_few_hands_turned_and_does_not_name_them(tmp_path, monkeypatch):
    monkeypatch.setattr(render_hands, "COURSE_SIGNERS", 2)
    monkeypatch.setattr(render_hands, "COURSE_TIMES", 3)
    monkeypatch.setattr(render_hands, "COURSE_PICTURES", 13)
    images, labels, signers, photographs = render_hands.render_course_like(5)
    assert np.array_equal(np.bincount(labels), np.full(10, 13))
    assert len(np.unique(images, axis=0)) == len(images)
    lit = images.reshape(-1, 28, 28) > 0
    extent = np.maximum(lit.any(axis=1).sum(axis=1), lit.any(axis=2).sum(axis=1))
    assert extent.min() >= 26  # cropped anew; of its outermost pixels little is left
    for digit in range(10):
        assert len(np.unique(photographs[labels == digit])) == 6
        assert np.array_equal(np.unique(signers[labels == digit]), [0, 1])
    for photograph in np.unique(photographs):  # one digit of one signer
        chosen = photographs == photograph
        assert len(np.unique(labels[chosen])) == len(np.unique(signers[chosen])) == 1
    path = tmp_path / "x.npz"
    assert render_hands.main(["--course-like", "--seed", "5", "--output", str(path)]) == 0
    with np.load(path) as file:
        assert sorted(file) == ["dataset", "labels"]
        assert np.array_equal(file["dataset"], images)
        assert np.array_equal(file["labels"], labels)


def test_a_course_like_file_has_its_own_number_of_signers(tmp_path, capsys):
    path = str(tmp_path / "x.npz")
    with pytest.raises(SystemExit):
        render_hands.main(["--course-like", "--signers", "3", "--output", path])
    assert "not allowed with argument" in capsys.readouterr().err


def test_help_names_the_options():
    done = run("--help")
    assert done.returncode == 0
    for option in ("--signers", "--course-like", "--seed", "--output"):
        assert option in done.stdout


@pytest.mark.parametrize("arguments", [("--signers", "0"), ("--signers", "many"), ("--seed", "-1")])
def test_bad_numbers_are_named(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        render_hands.main([*arguments, "--output", str(tmp_path / "x.npz")])
    assert exit_.value.code == 2
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert arguments[0] in last_line
    assert arguments[1] in last_line
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_an_error(tmp_path, capsys):
    missing, folder = tmp_path / "missing", tmp_path / "x.npz"
    folder.mkdir()
    assert render_hands.main(["--signers", "1", "--output", str(missing / "x.npz")]) == 1
    said = capsys.readouterr().err  # and no progress: before the work, not after
    assert said == f"error: cannot write into the folder {missing}.\n"
    assert render_hands.main(["--signers", "1", "--output", str(folder)]) == 1
    assert "cannot write" in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file(failure, tmp_path, monkeypatch, capsys):
    path = tmp_path / "x.npz"
    path.write_bytes(b"old")

    def fail(*_):
        raise failure

    monkeypatch.setattr("os.replace", fail)
    assert render_hands.main(["--signers", "1", "--output", str(path)]) in (1, 130)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npz"]
    assert capsys.readouterr().err.splitlines()[-1].endswith(".")
