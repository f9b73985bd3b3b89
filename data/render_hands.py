"""Render the embedded data set: the ten finger digits, signed by invented people.

Each picture comes about like this. A skeleton of a right hand is posed by joint angles; the
thumb is bent by inverse kinematics until its tip is where the digit wants it; the bones are
strung with spheres; the spheres are turned to the camera, drawn into a z-buffer and lit. The
result is what a photograph of the Sign Language Digits Dataset is once the hand is cut out: a
hand on pure black, cropped to the hand, padded to a square, 28x28 grey levels.

    python data/render_hands.py

Coordinates: the wrist is the origin, x points to the right (the thumb's side), y up, z to the
camera, which the palm faces. One unit is the distance from the wrist to the knuckle of the
middle finger. Fingers come in the order index, middle, ring, pinky. Their joints are MCP (the
knuckle), PIP, DIP and the tip; between them lie three bones, the phalanges. In array shapes, B
counts hands and K the spheres of a hand.

The poses and sizes below began as textbook proportions and were fitted, by random search, to the
photographs of the even-numbered signers alone. The spreads, and the choice among a handful of
fits, were made by hand with results on all photographs in view. The spreads also aim at a 6 and
an 8 being about as hard to tell apart as on photographs.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import nn_helpers as nn

SIDE = nn.SIDE  # pixels along an edge of a picture
SUPERSAMPLING = 2  # cells of the z-buffer along an edge of a pixel
SIGNERS_AT_ONCE = 10  # enough to keep NumPy busy, few enough to need little memory

# --- The average hand, in units --------------------------------------------------------------

KNUCKLES = np.array(
    [[0.28, 0.90, 0.06], [0.08, 0.98, 0.05], [-0.11, 0.95, -0.06], [-0.28, 0.72, 0.01]]
)  # x, y, z of each finger's MCP
PHALANGES = np.array(
    [[0.41, 0.25, 0.20], [0.42, 0.29, 0.21], [0.40, 0.23, 0.18], [0.33, 0.18, 0.14]]
)  # lengths, from the knuckle outwards
FINGER_RADII = np.array([0.111, 0.104, 0.116, 0.108])  # at the knuckle
FINGER_TAPER = np.array([1.00, 0.96, 0.88, 0.78])  # radius at MCP, PIP, DIP, tip as a share of that
THUMB_BASE = np.array([0.18, 0.14, 0.15])  # x, y, z of the joint near the wrist
THUMB_BONES = np.array([0.38, 0.31, 0.29])  # lengths, from the base outwards
THUMB_RADII = np.array([0.203, 0.194, 0.172, 0.102])  # at base, MCP, IP, tip
THUMB_REST = np.array(
    [[0.75, 0.80, 0.35], [0.25, 0.60, 0.30], [0.00, 1.00, 0.30]]
)  # directions of its bones at rest
WRIST_X = np.array([0.20, 0.07, -0.06, -0.18])  # where the strings of the palm start
PALM_RADII = np.array([0.150, 0.150])  # at the wrist and at the knuckles
FOREARM_X = np.array([-0.12, 0.02, 0.16])  # where the strings of the forearm start
FOREARM_RADIUS = 0.150
FOREARM_LENGTH = 2.5  # long enough to leave the photo at its lower edge

# --- The ten signs ---------------------------------------------------------------------------

FINGERS = ("index", "middle", "ring", "pinky")
JOINTS = ("MCP", "PIP", "DIP", "tip")


def _at(joint: str, *fingers: str) -> np.ndarray:
    """Return weights (4, 4) over all finger joints that pick the mean of these."""
    weights = np.zeros((4, 4))
    weights[[FINGERS.index(finger) for finger in fingers], JOINTS.index(joint)] = 1 / len(fingers)
    return weights


class Sign(NamedTuple):
    """How a digit is signed; angles in degrees, lengths in units."""

    flexion: tuple  # per finger: bend towards the palm at MCP, PIP, DIP
    abduction: tuple  # per finger: tilt towards the thumb's side
    thumb_anchor: np.ndarray  # the joint that the tip of the thumb goes to
    thumb_offset: tuple  # where it goes from there: x, y, z
    view: tuple  # yaw, pitch, roll of the hand
    height: float  # what the photo shows of hand and forearm


SIGNS = (
    Sign(  # 0: fingertips and thumb form an O, seen from the side
        flexion=((38, 71, 2), (33, 81, 26), (36, 61, 70), (21, 25, 23)),
        abduction=(3, 10, 3, 5),
        thumb_anchor=_at("tip", "index", "middle"),
        thumb_offset=(0.10, 0.10, 0.10),
        view=(95, 0, -6),
        height=1.71,
    ),
    Sign(  # 1: thumb over the middle finger
        flexion=((4, 6, 19), (92, 116, 63), (95, 94, 51), (81, 114, 63)),
        abduction=(11, 4, 0, 5),
        thumb_anchor=_at("DIP", "middle"),
        thumb_offset=(-0.10, 0.08, 0.09),
        view=(5, 10, -8),
        height=2.04,
    ),
    Sign(  # 2: thumb over the ring finger
        flexion=((20, 13, 20), (3, 0, 14), (86, 87, 30), (84, 106, 25)),
        abduction=(19, 0, -9, -26),
        thumb_anchor=_at("DIP", "ring"),
        thumb_offset=(-0.09, 0.16, 0.13),
        view=(15, 6, -10),
        height=2.12,
    ),
    Sign(  # 3: thumb stretched out
        flexion=((17, 17, 57), (-10, 23, 23), (14, 90, 2), (89, 99, 36)),
        abduction=(10, -10, 5, -4),
        thumb_anchor=_at("MCP", "index"),
        thumb_offset=(0.78, 0.02, -0.12),
        view=(1, 2, -7),
        height=1.99,
    ),
    Sign(  # 4: thumb across the palm
        flexion=((10, 35, 12), (19, 2, 6), (24, 0, 11), (-12, 37, 7)),
        abduction=(15, -1, -9, -28),
        thumb_anchor=_at("MCP", "middle"),
        thumb_offset=(-0.19, -0.14, 0.18),
        view=(8, -13, -6),
        height=1.99,
    ),
    Sign(  # 5: thumb stretched out
        flexion=((9, 29, 2), (-3, 16, 16), (-1, 41, 3), (-11, 6, 9)),
        abduction=(10, -3, -12, -26),
        thumb_anchor=_at("MCP", "index"),
        thumb_offset=(0.75, -0.05, 0.03),
        view=(12, 3, -4),
        height=2.06,
    ),
    Sign(  # 6: thumb touches the pinky
        flexion=((4, 6, 36), (-4, 17, 18), (5, 13, 14), (24, 61, 27)),
        abduction=(14, 5, -7, 3),
        thumb_anchor=_at("tip", "pinky"),
        thumb_offset=(0.06, 0.06, 0.10),
        view=(14, -10, -6),
        height=2.10,
    ),
    Sign(  # 7: thumb touches the ring finger
        flexion=((2, 7, 16), (-3, 6, 13), (78, 116, 64), (0, 6, 5)),
        abduction=(18, 5, 4, -23),
        thumb_anchor=_at("tip", "ring"),
        thumb_offset=(-0.04, 0.07, 0.08),
        view=(1, -2, -7),
        height=2.12,
    ),
    Sign(  # 8: thumb touches the middle finger
        flexion=((19, 2, 0), (58, 59, 39), (-10, 23, 18), (-3, 20, 34)),
        abduction=(9, -6, -13, -32),
        thumb_anchor=_at("tip", "middle"),
        thumb_offset=(0.03, 0.02, 0.10),
        view=(12, -8, -4),
        height=2.01,
    ),
    Sign(  # 9: thumb touches the index finger
        flexion=((85, 104, 48), (16, 6, 21), (12, 34, 20), (-2, 21, 35)),
        abduction=(12, -5, -11, -35),
        thumb_anchor=_at("tip", "index"),
        thumb_offset=(-0.03, 0.06, 0.05),
        view=(14, 2, -5),
        height=2.13,
    ),
)

# --- How signers and pictures differ: standard deviations ------------------------------------

# Of a signer, as a share
PALM_WIDTH_SD = 0.09
FINGER_LENGTH_SD = 0.07  # all fingers together
EACH_FINGER_LENGTH_SD = 0.025  # one finger against the others
THICKNESS_SD = 0.08  # fingers, thumb and palm together
THUMB_LENGTH_SD = 0.09
SPREAD_SD = 0.10  # of the abduction
WRIST_BEND_SD = 5.0  # degrees, sideways
# Of a picture
STRAIGHT_BELOW = 40.0  # degrees at the PIP joint: straight fingers vary less
STRAIGHT_FLEXION_SD, BENT_FLEXION_SD = 6.0, 9.0  # degrees per joint
ABDUCTION_SD = 5.0  # degrees
THUMB_OFFSET_SD = 0.05  # units
HEIGHT_SD = 0.12  # as a share
# Of both, and the share of the variance that is the signer's
VIEW_SD = np.array([10.0, 8.5, 12.0])  # degrees: yaw, pitch, roll
VIEW_SIGNER_SHARE = 0.4
SKIN, SKIN_SD = 0.60, 0.08  # brightness: mean, standard deviation
SKIN_SIGNER_SHARE = 0.7
LIGHT_SD = np.array([0.3, 0.3, 0.0])  # of the direction
LIGHT_SIGNER_SHARE = 0.7

# --- The light -------------------------------------------------------------------------------

LIGHT = np.array([-0.20, 0.12, 1.00])  # direction of the lamp
AMBIENT = 0.15  # light that comes from everywhere, as a share
NEARNESS_GAIN = 0.25  # brightness added per unit towards the camera, as a share
OCCLUSION = 0.35  # brightness that the deepest hollows lose, as a share
HOLLOW_DEPTH, HOLLOW_BLUR = 0.2, 4.0  # units that make a deepest hollow; its size, in cells
NORMAL_BLUR = 0.8  # cells: smooths the beads away
STEEPEST = 1.6  # limit on the slope of the surface: outlines do not go black
UNSHARP, UNSHARP_BLUR = 0.5, 2.0  # strength; cells: phones sharpen their photographs


class Hands(NamedTuple):
    """Measures of B hands about to be built; lengths in units, angles in degrees."""

    knuckles: np.ndarray  # (B, 4, 3)
    phalanges: np.ndarray  # (B, 4, 3)
    finger_radii: np.ndarray  # (B, 4) at the knuckle
    thumb_bones: np.ndarray  # (B, 3)
    thumb_radii: np.ndarray  # (B, 4)
    palm_radii: np.ndarray  # (B, 2)
    flexion: np.ndarray  # (B, 4, 3)
    abduction: np.ndarray  # (B, 4)
    thumb_anchor: np.ndarray  # (B, 4, 4)
    thumb_offset: np.ndarray  # (B, 3)
    wrist_bend: np.ndarray  # (B,)
    view: np.ndarray  # (B, 3) yaw, pitch, roll
    height: np.ndarray  # (B,)
    skin: np.ndarray  # (B,) brightness
    light: np.ndarray  # (B, 3) direction of the lamp


def draw_hands(seed: int, first: int, last: int) -> Hands:
    """Draw the hands of the signers first..last-1 at random, ten each, in the digits' order.

    Each signer has a generator of their own: what they look like depends neither on how many
    others there are nor on how many are drawn at once.
    """
    generators = [np.random.default_rng([seed, signer]) for signer in range(first, last)]

    def signer_noise(*shape: int) -> np.ndarray:
        """Draw one standard normal array per signer and repeat it for the ten digits."""
        return np.repeat([rng.standard_normal(shape) for rng in generators], 10, axis=0)

    def picture_noise(*shape: int) -> np.ndarray:
        """Draw one standard normal array per picture."""
        return np.concatenate([rng.standard_normal((10, *shape)) for rng in generators])

    def mixed_noise(signer_share: float, *shape: int) -> np.ndarray:
        """Draw noise with variance 1, of which the signer has this share."""
        return np.sqrt(signer_share) * signer_noise(*shape) + np.sqrt(
            1 - signer_share
        ) * picture_noise(*shape)

    def of_signs(field: str) -> np.ndarray:
        return np.array([getattr(sign, field) for sign in SIGNS] * len(generators), float)

    palm_width = 1 + PALM_WIDTH_SD * signer_noise(1)
    thickness = 1 + THICKNESS_SD * signer_noise(1)
    finger_length = (
        1 + FINGER_LENGTH_SD * signer_noise(1, 1) + EACH_FINGER_LENGTH_SD * signer_noise(4, 1)
    )
    flexion = of_signs("flexion")
    is_straight = flexion[..., [1]] < STRAIGHT_BELOW
    flexion_sd = np.where(is_straight, STRAIGHT_FLEXION_SD, BENT_FLEXION_SD)
    return Hands(
        knuckles=KNUCKLES * np.insert(np.ones((len(palm_width), 1, 2)), 0, palm_width, axis=2),
        phalanges=PHALANGES * finger_length,
        finger_radii=FINGER_RADII * thickness,
        thumb_bones=THUMB_BONES * (1 + THUMB_LENGTH_SD * signer_noise(1)),
        thumb_radii=THUMB_RADII * thickness,
        palm_radii=PALM_RADII * thickness,
        flexion=flexion + flexion_sd * picture_noise(4, 3),
        abduction=(
            of_signs("abduction") * (1 + SPREAD_SD * signer_noise(1))
            + ABDUCTION_SD * picture_noise(4)
        ),
        thumb_anchor=of_signs("thumb_anchor"),
        thumb_offset=of_signs("thumb_offset") + THUMB_OFFSET_SD * picture_noise(3),
        wrist_bend=WRIST_BEND_SD * signer_noise(),
        view=of_signs("view") + VIEW_SD * mixed_noise(VIEW_SIGNER_SHARE, 3),
        height=of_signs("height") * (1 + HEIGHT_SD * picture_noise()),
        skin=SKIN + SKIN_SD * mixed_noise(SKIN_SIGNER_SHARE),
        light=LIGHT + LIGHT_SD * mixed_noise(LIGHT_SIGNER_SHARE, 3),
    )


# --- The skeleton ----------------------------------------------------------------------------


def finger_joints(
    knuckles: np.ndarray, phalanges: np.ndarray, flexion: np.ndarray, abduction: np.ndarray
) -> np.ndarray:
    """Place the joints of the fingers from their angles (forward kinematics).

    Parameters
    ----------
    knuckles : (B, 4, 3)
    phalanges : (B, 4, 3), lengths from the knuckle outwards
    flexion : (B, 4, 3), degrees at MCP, PIP, DIP
    abduction : (B, 4), degrees

    Returns
    -------
    (B, 4, 4, 3), the positions of MCP, PIP, DIP and tip of each finger
    """
    bend = np.cumsum(np.radians(flexion), axis=-1)  # a joint bends everything beyond it
    tilt = np.radians(abduction)[..., None]
    directions = np.stack(
        [np.cos(bend) * np.sin(tilt), np.cos(bend) * np.cos(tilt), np.sin(bend)], axis=-1
    )
    steps = phalanges[..., None] * directions
    return np.cumsum(np.concatenate([knuckles[:, :, None], steps], axis=2), axis=2)


def fabrik(joints: np.ndarray, goal: np.ndarray, rounds: int = 12) -> np.ndarray:
    """Bend chains of bones until their ends reach their goals.

    FABRIK, "forward and backward reaching inverse kinematics" (Aristidou & Lasenby 2011): pull
    the end onto the goal and let the other joints follow, then pull the first joint back.

    Parameters
    ----------
    joints : (B, J, 3), the chains before
    goal : (B, 3)

    Returns
    -------
    (B, J, 3), the chains with the same first joints and the same bone lengths
    """
    joints = joints.copy()
    base = joints[:, 0].copy()
    lengths = np.linalg.norm(np.diff(joints, axis=1), axis=2)

    def pull(joint: int, leader: int) -> None:
        bone = min(joint, leader)
        direction = joints[:, joint] - joints[:, leader]
        factor = lengths[:, bone] / np.linalg.norm(direction, axis=1)
        joints[:, joint] = joints[:, leader] + direction * factor[:, None]

    n_joints = joints.shape[1]
    for _ in range(rounds):
        joints[:, -1] = goal
        for joint in range(n_joints - 2, -1, -1):
            pull(joint, joint + 1)
        joints[:, 0] = base
        for joint in range(1, n_joints):
            pull(joint, joint - 1)
    return joints


def thumb_joints(bones: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Bend the thumb from its rest pose to its goal.

    The rest pose decides to which side the thumb bulges, which its goal leaves open.

    Parameters
    ----------
    bones : (B, 3), lengths
    goal : (B, 3), where the tip should go

    Returns
    -------
    (B, 4, 3), the positions of base, MCP, IP and tip
    """
    directions = THUMB_REST / np.linalg.norm(THUMB_REST, axis=1, keepdims=True)
    base = np.broadcast_to(THUMB_BASE, (len(bones), 1, 3))
    steps = np.concatenate([base, bones[..., None] * directions], axis=1)
    return fabrik(np.cumsum(steps, axis=1), goal)


# --- The flesh -------------------------------------------------------------------------------


def string_spheres(
    joints: np.ndarray, radii: np.ndarray, per_bone: int
) -> tuple[np.ndarray, np.ndarray]:
    """Place spheres along chains of bones.

    Parameters
    ----------
    joints : (B, C, J, 3), C chains of J joints
    radii : (B, C, J), the flesh around each joint; it tapers in between
    per_bone : spheres along each bone

    Returns
    -------
    centres (B, K, 3) and radii (B, K), K = C * (J - 1) * per_bone
    """
    along = np.linspace(0, 1, per_bone)
    spheres = np.concatenate([joints, radii[..., None]], axis=-1)
    start, end = spheres[:, :, :-1, None], spheres[:, :, 1:, None]
    spheres = (start + along[:, None] * (end - start)).reshape(len(joints), -1, 4)
    return spheres[..., :3], spheres[..., 3]


def with_midpoints(chains: np.ndarray) -> np.ndarray:
    """Put a chain halfway between neighbours: (B, C, J, 3) to (B, 2 * C - 1, J, 3)."""
    between = (chains[:, :-1] + chains[:, 1:]) / 2
    filled = np.repeat(chains, 2, axis=1)[:, :-1]
    filled[:, 1::2] = between
    return filled


def build_hands(hands: Hands) -> tuple[np.ndarray, np.ndarray]:
    """Build hands from spheres, palm to the camera; returns centres (B, K, 3), radii (B, K)."""
    fingers = finger_joints(hands.knuckles, hands.phalanges, hands.flexion, hands.abduction)
    goal = np.einsum("bfj,bfjx->bx", hands.thumb_anchor, fingers) + hands.thumb_offset
    thumb = thumb_joints(hands.thumb_bones, goal)
    batch = len(fingers)
    wrist = np.zeros((batch, 4, 3))
    wrist[..., 0] = WRIST_X
    palm = with_midpoints(np.stack([wrist, hands.knuckles], axis=2))
    forearm = np.zeros((batch, 3, 2, 3))
    forearm[..., 0] = FOREARM_X[:, None]
    bend = np.radians(hands.wrist_bend)[:, None]
    forearm[:, :, 1, 0] += FOREARM_LENGTH * np.sin(bend)
    forearm[:, :, 1, 1] -= FOREARM_LENGTH * np.cos(bend)
    parts = (
        string_spheres(fingers, hands.finger_radii[..., None] * FINGER_TAPER, 6),
        string_spheres(thumb[:, None], hands.thumb_radii[:, None], 6),
        string_spheres(palm, np.repeat(hands.palm_radii[:, None], 7, axis=1), 8),
        string_spheres(forearm, np.full((batch, 3, 2), FOREARM_RADIUS), 20),
    )
    centres, radii = zip(*parts, strict=True)
    return np.concatenate(centres, axis=1), np.concatenate(radii, axis=1)


# --- The camera ------------------------------------------------------------------------------


def rotate(points: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Turn points about the wrist.

    Parameters
    ----------
    points : (B, K, 3)
    view : (B, 3), degrees: yaw turns the palm to the right, pitch tips the fingers away from
        the camera, roll turns the picture clockwise

    Returns
    -------
    (B, K, 3)
    """
    yaw, pitch, roll = np.radians(view).T[:, :, None]
    x, y, z = np.moveaxis(points, -1, 0)
    x, z = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
    y, z = y * np.cos(pitch) + z * np.sin(pitch), z * np.cos(pitch) - y * np.sin(pitch)
    x, y = x * np.cos(roll) + y * np.sin(roll), y * np.cos(roll) - x * np.sin(roll)
    return np.stack([x, y, z], axis=-1)


def crop(
    centres: np.ndarray, radii: np.ndarray, height: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the square around each hand, from the hand's top to the photo frame's lower edge.

    The box follows from the spheres, not from the pixels they will cover: it moves smoothly
    with the pose, so that no last bit of a sum decides where a picture is cut.

    Parameters
    ----------
    centres : (B, K, 3)
    radii : (B, K)
    height : (B,), what the photo shows of hand and forearm

    Returns
    -------
    corner (B, 2), the square's left and upper edge; side (B,); bottom (B,), the frame's edge
    """
    x, y = centres[..., 0], centres[..., 1]
    top = (y + radii).max(axis=1)
    bottom = top - height
    below = np.maximum(bottom[:, None] - y, 0)
    visible = below < radii
    reach = np.sqrt(np.maximum(radii**2 - below**2, 0))  # half the width of what is visible
    left = np.where(visible, x - reach, np.inf).min(axis=1)
    right = np.where(visible, x + reach, -np.inf).max(axis=1)
    side = np.maximum(right - left, height)
    corner = np.stack([left + right - side, top + bottom + side], axis=1) / 2
    return corner, side, bottom


def z_buffer(centres: np.ndarray, radii: np.ndarray, cells: int) -> np.ndarray:
    """Draw spheres into z-buffers: each cell keeps the depth of what is nearest.

    It takes one sphere of all B hands at a time, in the smallest patch of cells that holds it.

    Parameters
    ----------
    centres : (B, K, 3), in cells: x to the right, y down, z towards the camera
    radii : (B, K), in cells

    Returns
    -------
    (B, cells, cells), minus infinity where there is nothing
    """
    depth = np.full((len(centres), cells, cells), -np.inf)
    hand = np.arange(len(centres))[:, None, None]

    def patch_of(centre: np.ndarray, radius: np.ndarray, width: int) -> np.ndarray:
        first = np.clip(np.floor(centre - radius), 0, cells - width).astype(int)
        return first[:, None] + np.arange(width)

    for (x, y, z), radius in zip(centres.transpose(1, 2, 0), radii.T, strict=True):
        width = min(int(np.ceil(2 * radius.max())) + 1, cells)
        rows, columns = patch_of(y, radius, width), patch_of(x, radius, width)
        dy, dx = rows + 0.5 - y[:, None], columns + 0.5 - x[:, None]
        bulge = (radius[:, None] ** 2 - dy**2)[:, :, None] - (dx**2)[:, None, :]
        near = np.where(bulge > 0, z[:, None, None] + np.sqrt(np.maximum(bulge, 0)), -np.inf)
        patch = hand, rows[:, :, None], columns[:, None, :]
        depth[patch] = np.maximum(depth[patch], near)
    return depth


# --- The light -------------------------------------------------------------------------------


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Blur images (B, H, W) by a Gaussian of sigma cells, black beyond the edges."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for _ in range(2):  # down the columns, turned over, down the columns again
        padded = np.pad(images, [(0, 0), (reach, reach), (0, 0)])
        n_rows = images.shape[1]
        images = sum(weight * padded[:, k : k + n_rows] for k, weight in enumerate(kernel))
        images = images.swapaxes(1, 2)
    return images


def masked_blur(images: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Blur images (B, H, W) as if nothing but the mask existed."""
    weight = blur(mask.astype(float), sigma)
    return np.where(mask, blur(np.where(mask, images, 0), sigma) / np.where(mask, weight, 1), 0)


def min_mod_slope(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Find the slope of depth maps (B, H, W) down the columns.

    Of the differences to both neighbours the smaller one counts, and none where their signs
    differ (min-mod): no slope leaps across an outline.
    """
    both = mask[:, 1:] & mask[:, :-1]
    step = np.pad(np.where(both, np.diff(depth, axis=1), 0), [(0, 0), (1, 1), (0, 0)])
    before, after = step[:, :-1], step[:, 1:]
    smaller = np.minimum(np.abs(before), np.abs(after))
    return np.where(before * after > 0, np.sign(before) * smaller, 0)


def facing_light(depth: np.ndarray, mask: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Find how much the surfaces face the lamp.

    Parameters
    ----------
    depth, mask : (B, H, W), in cells
    light : (B, 3), direction of the lamp

    Returns
    -------
    (B, H, W), the cosine of the angle between the surface's normal and the lamp, at least 0
    """
    smooth = masked_blur(depth, mask, NORMAL_BLUR)
    down = min_mod_slope(smooth, mask)
    right = min_mod_slope(smooth.swapaxes(1, 2), mask.swapaxes(1, 2)).swapaxes(1, 2)
    limit = np.minimum(1, STEEPEST / np.maximum(np.hypot(right, down), STEEPEST))
    down, right = down * limit, right * limit
    x, y, z = (light / np.linalg.norm(light, axis=1, keepdims=True)).T[:, :, None, None]
    towards = z - right * x + down * y  # y points up, rows go down
    return np.maximum(towards / np.sqrt(1 + right**2 + down**2), 0)


def shade(depth: np.ndarray, side: np.ndarray, skin: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Light the surfaces in z-buffers.

    Parameters
    ----------
    depth : (B, H, W), in cells
    side : (B,), the picture's edge in units
    skin : (B,), brightness
    light : (B, 3), direction of the lamp

    Returns
    -------
    (B, H, W), brightness from 0 to about 1, exactly 0 where there is no hand
    """
    mask = np.isfinite(depth)
    depth = np.where(mask, depth, 0)
    units = depth * (side / depth.shape[1])[:, None, None]
    lit = AMBIENT + (1 - AMBIENT) * facing_light(depth, mask, light)
    hollow = np.clip((masked_blur(units, mask, HOLLOW_BLUR) - units) / HOLLOW_DEPTH, 0, 1)
    image = skin[:, None, None] * lit * (1 + NEARNESS_GAIN * units) * (1 - OCCLUSION * hollow)
    sharpened = image + UNSHARP * (image - masked_blur(image, mask, UNSHARP_BLUR))
    return np.where(mask, np.clip(sharpened, 0.5 * image, 1), 0)


# --- The pictures ----------------------------------------------------------------------------


def photograph(hands: Hands) -> np.ndarray:
    """Build, turn, crop, draw, light and shrink hands; returns (B, 784) uint8."""
    centres, radii = build_hands(hands)
    centres = rotate(centres, hands.view)
    corner, side, bottom = crop(centres, radii, hands.height)
    cells = SIDE * SUPERSAMPLING
    zoom = (cells / side)[:, None]
    across = (centres[..., 0] - corner[:, :1]) * zoom
    down = (corner[:, 1:] - centres[..., 1]) * zoom
    depth = z_buffer(np.stack([across, down, centres[..., 2] * zoom], axis=-1), radii * zoom, cells)
    edge = (corner[:, 1:] - bottom[:, None]) * zoom
    depth[np.arange(cells) + 0.5 > edge] = -np.inf  # the forearm ends at the frame's edge
    image = shade(depth, side, hands.skin, hands.light)
    image = image.reshape(-1, SIDE, SUPERSAMPLING, SIDE, SUPERSAMPLING).mean(axis=(2, 4))
    return np.rint(255 * image).astype(np.uint8).reshape(-1, SIDE * SIDE)


def render_signers(
    n_signers: int, seed: int, *, progress: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render the ten digits of invented signers.

    Parameters
    ----------
    n_signers : at least 1
    seed : not negative; equal seeds give equal pictures, whatever the number of signers
    progress : whether to show a progress bar

    Returns
    -------
    images (10 * n_signers, 784) uint8, labels and signers (10 * n_signers,) int64, sorted by
    signer, then by digit

    Raises
    ------
    ValueError
        If there is no signer to render.
    """
    if n_signers < 1:
        raise ValueError(f"n_signers must be at least 1, got {n_signers}")
    batches = []
    with tqdm(total=n_signers, unit="signer", disable=not progress) as bar:
        for first in range(0, n_signers, SIGNERS_AT_ONCE):
            last = min(first + SIGNERS_AT_ONCE, n_signers)
            batches.append(photograph(draw_hands(seed, first, last)))
            bar.update(last - first)
    labels = np.tile(np.arange(10), n_signers)
    return np.concatenate(batches), labels, np.repeat(np.arange(n_signers), 10)


# --- The command -----------------------------------------------------------------------------


def whole_number(minimum: int) -> Callable[[str], int]:
    """Make an argparse type for whole numbers from a minimum on."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {minimum} on")
        return int(text)

    return parse


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        description="Render a data set of ten finger digits, signed by invented people.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--signers",
        type=whole_number(1),
        default=500,
        metavar="N",
        help="how many signers, ten pictures each",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="N", help="seed of the random numbers"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).with_name("sign_digits.npz"),
        metavar="FILE",
        help="the .npz file to write",
    )
    options = parser.parse_args(arguments)
    if not os.access(options.output.parent, os.W_OK):  # say so before the work, not after
        print(f"error: cannot write into the folder {options.output.parent}.", file=sys.stderr)
        return 1
    try:
        images, labels, signers = render_signers(options.signers, options.seed, progress=True)
        file = io.BytesIO()
        labels, signers = labels.astype(np.uint8), signers.astype(np.int32)
        np.savez_compressed(file, dataset=images, labels=labels, signers=signers)
        nn.write_atomically(options.output, file.getvalue())
    except OSError as error:
        print(f"error: cannot write {options.output}: {error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing written.", file=sys.stderr)
        return 130
    print(f"{len(images)} pictures of {options.signers} signers in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
