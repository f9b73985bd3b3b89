"""Render the embedded data set: the ten finger digits, signed by invented people.

Each picture comes about like this. A skeleton of a right hand is posed by joint angles; the
thumb is bent by inverse kinematics until its tip is where the digit wants it; the bones are
covered with flesh, turned to the camera, blended into one smooth surface and lit. The result is
what a photograph of the Sign Language Digits Dataset is once the hand is cut out: a hand on pure
black, cropped to the hand, padded to a square, 28x28 grey levels.

    python data/render_hands.py
    python data/render_hands.py --course-like    few hands, each turned many times: README.md

Coordinates: the wrist is the origin, x points to the right (the thumb's side), y up, z to the
camera, which the palm faces. One unit is the distance from the wrist to the knuckle of the
middle finger. Fingers come in the order index, middle, ring, pinky. Their joints are MCP (the
knuckle), PIP, DIP and the tip; between them lie three bones, the phalanges. In array shapes, B
counts hands and J the joints of a chain of bones.

The poses, sizes, spreads and lights below began near an older fit and were searched by an
evolution strategy (CMA-ES; Hansen, N., 2016, arXiv:1604.00772), on the photographs of two thirds
of the even-numbered signers. What is compared is how the pictures of each digit are distributed:
by the maximum mean discrepancy (Gretton, A., et al., 2012, Journal of Machine Learning Research
13, 723) of their pixels, of their details, and of measures such as brightness and area. Choices
among fits, and the last spreads, were made by hand on even-numbered signers alone. README.md
beside this file says what part the odd-numbered ones had.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import nn_helpers as nn

SIDE = nn.SIDE  # pixels along an edge of a picture
SUPERSAMPLING = 2  # cells along an edge of a pixel
CELLS = SIDE * SUPERSAMPLING  # along an edge of the picture while it is drawn
SIGNERS_AT_ONCE = 10  # enough to keep NumPy busy, few enough to need little memory

# --- The average hand, in units --------------------------------------------------------------

KNUCKLES = np.array(
    [[0.30, 0.88, 0.01], [0.10, 0.97, 0.01], [-0.12, 0.89, 0.02], [-0.28, 0.73, -0.05]]
)  # x, y, z of each finger's MCP
PHALANGES = np.array(
    [[0.40, 0.24, 0.18], [0.41, 0.27, 0.18], [0.39, 0.25, 0.18], [0.29, 0.17, 0.17]]
)  # lengths, from the knuckle outwards
FINGER_RADII = np.array([0.096, 0.113, 0.108, 0.094])[:, None] * np.array(
    [1.01, 1.06, 0.91, 0.76]
)  # at MCP, PIP, DIP, tip
CARPALS = np.array(
    [[0.13, 0.00, 0.00], [0.04, 0.00, 0.00], [-0.07, 0.00, 0.00], [-0.16, 0.00, 0.00]]
)  # x, y, z of where the fingers' metacarpals begin
THUMB_BASE = np.array([0.15, 0.18, 0.11])  # x, y, z of the joint near the wrist
THUMB_BONES = np.array([0.39, 0.27, 0.28])  # lengths, from the base outwards
THUMB_RADII = np.array([0.153, 0.160, 0.127, 0.102])  # at base, MCP, IP, tip
THUMB_REST = np.array(
    [[0.57, 0.74, 0.35], [0.70, 0.66, 0.27], [0.11, 0.98, 0.19]]
)  # directions of its bones at rest
CARPAL_RADIUS = 0.126
KNUCKLE_RADII = np.array([0.112, 0.132, 0.123, 0.110])
WEB_LENGTH = 0.78  # of the thumb's web: how far up it goes, as a share
WEB_THICKNESS = 0.87  # of its edge, as a share
# Two pads lie on the palm: the thenar along the thumb's metacarpal, the heel along the pinky's.
PAD_SPANS = np.array([[0.1, 0.6], [0.0, 0.6]])  # from where to where, as shares
PAD_SHIFTS = np.array([[-0.05, 0.08, 0.00], [0.08, 0.06, 0.03]])  # x, y, z from there
PAD_RADII = np.array([0.191, 0.216])
FOREARM_X = np.array([-0.09, 0.00, 0.14])  # of three strands side by side
FOREARM_RADIUS = 0.159
FOREARM_NARROWING = 0.65  # x at its far end, as a share
FOREARM_LENGTH = 2.5  # long enough to leave the photo at its lower edge

# Tones: brightness beside the palm's. The forearm fades, as it turns away from the lamp.
FINGER_TONE = 0.92
THUMB_TONE = 0.90
WRIST_TONE = 0.82
FOREARM_TONE = 0.34  # at its far end

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

    flexion: tuple  # per finger: bend towards the palm at MCP, PIP
    abduction: tuple  # per finger: tilt towards the thumb's side
    thumb_anchor: np.ndarray  # the joint that the tip of the thumb goes to
    thumb_offset: tuple  # where it goes from there: x, y, z
    view: tuple  # yaw, pitch, roll of the hand
    wrist_bend: float  # sideways, the forearm towards the thumb's side
    height: float  # what the photo shows of hand and forearm
    variation: float  # how differently people sign it, a factor on joints and view


SIGNS = (
    Sign(  # 0: fingertips and thumb form an O, seen from the side
        flexion=((40, 47), (54, 59), (29, 65), (65, 66)),
        abduction=(0, 11, 1, -7),
        thumb_anchor=_at("tip", "index", "middle"),
        thumb_offset=(0.13, -0.04, 0.14),
        view=(92, -10, -7),
        wrist_bend=-11,
        height=1.61,
        variation=1.38,
    ),
    Sign(  # 1: thumb over the middle finger
        flexion=((-1, 10), (65, 96), (73, 66), (61, 81)),
        abduction=(9, -2, 2, 0),
        thumb_anchor=_at("PIP", "middle"),
        thumb_offset=(-0.00, -0.12, 0.02),
        view=(16, -11, -10),
        wrist_bend=2,
        height=1.84,
        variation=1.14,
    ),
    Sign(  # 2: thumb over the ring finger
        flexion=((3, 15), (-10, 4), (73, 99), (81, 105)),
        abduction=(11, -3, -6, -5),
        thumb_anchor=_at("PIP", "ring"),
        thumb_offset=(0.00, -0.14, 0.20),
        view=(15, 3, -6),
        wrist_bend=2,
        height=1.91,
        variation=0.91,
    ),
    Sign(  # 3: thumb stretched out
        flexion=((13, 8), (-1, 6), (66, 102), (74, 99)),
        abduction=(12, -6, -6, -2),
        thumb_anchor=_at("MCP", "index"),
        thumb_offset=(0.62, -0.04, -0.03),
        view=(-2, 12, -12),
        wrist_bend=-8,
        height=1.89,
        variation=1.09,
    ),
    Sign(  # 4: thumb across the palm
        flexion=((13, 2), (15, 7), (-2, 13), (-5, 5)),
        abduction=(12, 0, -5, -19),
        thumb_anchor=_at("MCP", "ring"),
        thumb_offset=(0.06, -0.11, 0.20),
        view=(4, 5, -5),
        wrist_bend=8,
        height=1.96,
        variation=1.00,
    ),
    Sign(  # 5: thumb stretched out
        flexion=((15, 11), (21, 2), (9, 25), (-10, 7)),
        abduction=(12, -5, -4, -21),
        thumb_anchor=_at("MCP", "index"),
        thumb_offset=(0.64, -0.07, 0.10),
        view=(0, 5, -7),
        wrist_bend=0,
        height=1.90,
        variation=0.97,
    ),
    Sign(  # 6: thumb touches the pinky
        flexion=((1, 7), (17, 16), (14, 15), (56, 50)),
        abduction=(13, -2, -6, 7),
        thumb_anchor=_at("tip", "pinky"),
        thumb_offset=(0.04, 0.06, 0.12),
        view=(8, 6, -6),
        wrist_bend=4,
        height=1.98,
        variation=0.93,
    ),
    Sign(  # 7: thumb touches the ring finger
        flexion=((1, 20), (4, 19), (57, 73), (-3, 7)),
        abduction=(12, -2, 5, -19),
        thumb_anchor=_at("tip", "ring"),
        thumb_offset=(0.02, 0.05, 0.11),
        view=(3, 2, -5),
        wrist_bend=9,
        height=1.96,
        variation=0.91,
    ),
    Sign(  # 8: thumb touches the middle finger
        flexion=((6, 5), (65, 79), (12, 8), (-1, 1)),
        abduction=(8, 3, -5, -21),
        thumb_anchor=_at("tip", "middle"),
        thumb_offset=(0.02, 0.11, 0.08),
        view=(0, 3, -5),
        wrist_bend=0,
        height=1.86,
        variation=0.88,
    ),
    Sign(  # 9: thumb touches the index finger
        flexion=((63, 69), (13, 8), (18, 22), (-4, 0)),
        abduction=(5, -1, -2, -18),
        thumb_anchor=_at("tip", "index"),
        thumb_offset=(0.00, 0.01, 0.03),
        view=(8, -7, -5),
        wrist_bend=6,
        height=1.96,
        variation=0.94,
    ),
)

# --- What joints can do, in degrees ------------------------------------------------------------

FLEXION_LIMITS = np.array([[-15.0, 0], [95, 115]])  # least and most, at MCP, PIP
DIP_SHARE = 0.6  # a fingertip's joint follows the one before it
ABDUCTION_LIMITS = np.array([-30.0, 30])

# --- How signers and pictures differ: standard deviations ------------------------------------

# Of a signer, as a share
PALM_WIDTH_SD = 0.06
FINGER_LENGTH_SD = 0.10  # all fingers together
EACH_FINGER_LENGTH_SD = 0.02  # one finger against the others
THICKNESS_SD = 0.12  # fingers, thumb and palm together
THUMB_LENGTH_SD = 0.17
# Of a picture
STRAIGHT_BELOW = 40.0  # degrees at the PIP joint: straight fingers vary less
STRAIGHT_FLEXION_SD, BENT_FLEXION_SD = 3.5, 8.7  # degrees per joint
FLEXION_SHARED = 0.3  # share of that variance which all fingers have together
ABDUCTION_SD = 4.5  # degrees
THUMB_OFFSET_SD = 0.08  # units
HEIGHT_SD = 0.06  # as a share
# Of both, and the share of the variance that is the signer's
VIEW_SD = np.array([12.0, 10.0, 12.0])  # degrees: yaw, pitch, roll
VIEW_SIGNER_SHARE = 0.4
SPREAD_SD = 7.0  # degrees: fingers fan out, by the shares in SPREAD
SPREAD = np.array([1.0, 0.3, -0.4, -1.2])
SPREAD_SIGNER_SHARE = 0.5
WRIST_BEND_SD = 8.2  # degrees
WRIST_BEND_SIGNER_SHARE = 0.5
BRIGHTNESS, BRIGHTNESS_SD = 0.480, 0.043
BRIGHTNESS_SIGNER_SHARE = 0.7
LIGHT_SD = np.array([0.30, 0.70, 0.30])  # of the direction
LIGHT_SIGNER_SHARE = 0.7

# --- Surface, light and camera ---------------------------------------------------------------

SURFACE_BLEND = 0.064  # units: surfaces closer than that grow together
OUTLINE_BLEND = 0.029  # units: so do outlines
SKIRT = 6.7  # how steeply a surface falls beyond its outline
MARGIN = 0.06  # units: what lies further outside an outline does not matter
BACKGROUND = -0.6  # units: depth where there is no hand
LIGHT = np.array([-0.33, 0.30, 1.00])  # direction of the lamp
AMBIENT = 0.40  # light that comes from everywhere, as a share
STEEPEST = 1.60  # limit that slopes approach: outlines do not go black
HOLLOW_SIZES = 1.2, 4.0  # cells: creases, and the hollow of the hand
HOLLOW_STRENGTHS = np.array([1.47, 0.65])  # darkening per unit of depth, as a share
HOLLOW_LIMITS = -0.1, 0.4  # of that: ridges gain a little, hollows lose more
RIM, RIM_WIDTH = 0.35, 0.030  # darkening at the outline, as a share; units
SHARPNESS, SHARPNESS_SIZE = 0.40, 1.6  # phones sharpen their photographs; cells
GRAIN, GRAIN_SIZE = 0.12, 0.7  # unevenness of skin and camera, as a share; cells
DARKEST = 0.03  # brightness that a hand has at least


# --- The course's own file, as far as it is known (README.md says how) -------------------------

COURSE_SIGNERS = 5
COURSE_TIMES = 14  # that each of them shows a digit
COURSE_PICTURES = 500  # of a digit
COURSE_TURN = 50.0  # degrees to either side, at most


class Hands(NamedTuple):
    """Measures of B hands about to be built; lengths in units, angles in degrees."""

    knuckles: np.ndarray  # (B, 4, 3)
    phalanges: np.ndarray  # (B, 4, 3)
    thumb_bones: np.ndarray  # (B, 3)
    thickness: np.ndarray  # (B, 1) of the flesh, a factor
    flexion: np.ndarray  # (B, 4, 3)
    abduction: np.ndarray  # (B, 4)
    thumb_anchor: np.ndarray  # (B, 4, 4)
    thumb_offset: np.ndarray  # (B, 3)
    wrist_bend: np.ndarray  # (B,) sideways, forearm towards the thumb's side
    view: np.ndarray  # (B, 3) yaw, pitch, roll
    height: np.ndarray  # (B,)
    brightness: np.ndarray  # (B,) of the whole hand
    light: np.ndarray  # (B, 3) direction of the lamp
    grain: np.ndarray  # (B, CELLS, CELLS) unevenness of skin and camera


def draw_hands(seed: int, first: int, last: int, times: int = 1) -> Hands:
    """Draw the hands of the signers first..last-1 at random, the ten digits so many times each.

    They are sorted by signer, then by time, then by digit. Each signer has a generator of their
    own: what they look like depends neither on how many others there are nor on how many are
    drawn at once.
    """
    generators = [np.random.default_rng([seed, signer]) for signer in range(first, last)]

    def signer_noise(*shape: int) -> np.ndarray:
        """Draw one standard normal array per signer and repeat it for each picture."""
        return np.repeat([rng.standard_normal(shape) for rng in generators], 10 * times, axis=0)

    def picture_noise(*shape: int) -> np.ndarray:
        """Draw one standard normal array per picture."""
        return np.concatenate([rng.standard_normal((10 * times, *shape)) for rng in generators])

    def mix(share: float, common: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Mix noise of variance 1 so that the common part has this share of the variance."""
        return np.sqrt(share) * common + np.sqrt(1 - share) * own

    def mixed_noise(signer_share: float, *shape: int) -> np.ndarray:
        """Draw noise with variance 1, of which the signer has this share."""
        return mix(signer_share, signer_noise(*shape), picture_noise(*shape))

    def of_signs(field: str) -> np.ndarray:
        return np.array([getattr(sign, field) for sign in SIGNS] * times * len(generators), float)

    palm_width = 1 + PALM_WIDTH_SD * signer_noise(1)
    finger_length = (
        1 + FINGER_LENGTH_SD * signer_noise(1, 1) + EACH_FINGER_LENGTH_SD * signer_noise(4, 1)
    )
    variation = of_signs("variation")[:, None]
    flexion = of_signs("flexion")
    is_straight = flexion[..., [1]] < STRAIGHT_BELOW
    flexion_sd = variation[..., None] * np.where(is_straight, STRAIGHT_FLEXION_SD, BENT_FLEXION_SD)
    flexion += flexion_sd * mix(FLEXION_SHARED, picture_noise(1, 2), picture_noise(4, 2))
    flexion = np.clip(flexion, *FLEXION_LIMITS)
    abduction = of_signs("abduction") + variation * ABDUCTION_SD * picture_noise(4)
    abduction += SPREAD_SD * mixed_noise(SPREAD_SIGNER_SHARE, 1) * SPREAD
    return Hands(
        knuckles=KNUCKLES * np.insert(np.ones((len(palm_width), 1, 2)), 0, palm_width, axis=2),
        phalanges=PHALANGES * finger_length,
        thumb_bones=THUMB_BONES * (1 + THUMB_LENGTH_SD * signer_noise(1)),
        thickness=1 + THICKNESS_SD * signer_noise(1),
        flexion=np.concatenate([flexion, DIP_SHARE * flexion[..., 1:]], axis=-1),
        abduction=np.clip(abduction, *ABDUCTION_LIMITS),
        thumb_anchor=of_signs("thumb_anchor"),
        thumb_offset=of_signs("thumb_offset") + variation * THUMB_OFFSET_SD * picture_noise(3),
        wrist_bend=of_signs("wrist_bend") + WRIST_BEND_SD * mixed_noise(WRIST_BEND_SIGNER_SHARE),
        view=of_signs("view") + variation * VIEW_SD * mixed_noise(VIEW_SIGNER_SHARE, 3),
        height=of_signs("height") * (1 + HEIGHT_SD * picture_noise()),
        brightness=BRIGHTNESS + BRIGHTNESS_SD * mixed_noise(BRIGHTNESS_SIGNER_SHARE),
        light=LIGHT + LIGHT_SD * mixed_noise(LIGHT_SIGNER_SHARE, 3),
        grain=picture_noise(CELLS, CELLS),
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


def with_flesh(
    joints: np.ndarray, radii: np.ndarray | float, tones: np.ndarray | float
) -> np.ndarray:
    """Join joints (..., 3) with radii and tones (...): (..., 5), x, y, z, radius, tone."""
    more = np.stack(np.broadcast_arrays(radii, tones, joints[..., 0])[:2], axis=-1)
    return np.concatenate([joints, more], axis=-1)


def build_hands(hands: Hands) -> list[np.ndarray]:
    """Build hands from chains of bones, palm to the camera.

    The palm is one sheet: the metacarpals of thumb and fingers, a band of flesh halfway between
    each two of them (the first is the web of the thumb), the thenar pad and the heel of the hand.

    Parameters
    ----------
    hands : B of them

    Returns
    -------
    list of ndarray (B, J, 5)
        Chains of J joints: x, y, z, the radius of the flesh around the joint, and its tone, a
        factor on its brightness. From joint to joint all five change evenly.
    """
    fingers = finger_joints(hands.knuckles, hands.phalanges, hands.flexion, hands.abduction)
    goal = np.einsum("bfj,bfjx->bx", hands.thumb_anchor, fingers) + hands.thumb_offset
    thickness = hands.thickness
    thumb = thumb_joints(hands.thumb_bones, goal)
    thumb = with_flesh(thumb, thickness * THUMB_RADII, THUMB_TONE)
    fingers = with_flesh(fingers, thickness[..., None] * FINGER_RADII, FINGER_TONE)

    carpals = np.broadcast_to(CARPALS, (len(thumb), 4, 3))
    carpals = with_flesh(carpals, thickness * CARPAL_RADIUS, WRIST_TONE)
    knuckles = with_flesh(hands.knuckles, thickness * KNUCKLE_RADII, 1)
    lower = np.concatenate([thumb[:, :1], carpals], axis=1)
    upper = np.concatenate([thumb[:, 1:2], knuckles], axis=1)
    metacarpals = np.stack([lower, upper], axis=2)  # (B, 5, 2, 5), the thumb's first

    between = (metacarpals[:, 1:] + metacarpals[:, :-1]) / 2
    web = between[:, 0]
    web[:, 1] = web[:, 0] + WEB_LENGTH * (web[:, 1] - web[:, 0])
    web[:, 1, 3] *= WEB_THICKNESS

    outer = metacarpals[:, [0, -1]]  # under the thenar pad and the heel
    pads = outer[:, :, :1] + PAD_SPANS[..., None] * np.diff(outer, axis=2)
    pads[..., :3] += PAD_SHIFTS[:, None]
    pads[..., 3] = (thickness * PAD_RADII)[..., None]

    bend = np.radians(hands.wrist_bend)
    arm = FOREARM_LENGTH * np.stack([np.sin(bend), -np.cos(bend), 0 * bend], axis=1)
    forearm = np.zeros((len(thumb), 3, 2, 3))
    forearm[..., 0] = FOREARM_X[:, None] * [1, FOREARM_NARROWING]
    forearm[:, :, 1] += arm[:, None]
    forearm = with_flesh(forearm, FOREARM_RADIUS * thickness[..., None], [WRIST_TONE, FOREARM_TONE])
    sheets = metacarpals, between, pads, forearm
    return [thumb, *fingers.swapaxes(0, 1), *np.concatenate(sheets, axis=1).swapaxes(0, 1)]


# --- The camera ------------------------------------------------------------------------------


def rotate(points: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Turn points about the wrist.

    Parameters
    ----------
    points : (B, J, 3)
    view : (B, 3), degrees: yaw turns the palm to the right, pitch tips the fingers away from
        the camera, roll turns the picture clockwise

    Returns
    -------
    (B, J, 3)
    """
    yaw, pitch, roll = np.radians(view).T[:, :, None]
    x, y, z = np.moveaxis(points, -1, 0)
    x, z = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
    y, z = y * np.cos(pitch) + z * np.sin(pitch), z * np.cos(pitch) - y * np.sin(pitch)
    x, y = x * np.cos(roll) + y * np.sin(roll), y * np.cos(roll) - x * np.sin(roll)
    return np.stack([x, y, z], axis=-1)


def crop(chains: list[np.ndarray], height: np.ndarray) -> tuple[np.ndarray, ...]:
    """Find the square around each hand, from the hand's top to the photo frame's lower edge.

    The box follows from points along the bones, not from the pixels they will cover: it moves
    smoothly with the pose, so that no last bit of a sum decides where a picture is cut.

    Parameters
    ----------
    chains : list of (B, J, 5)
    height : (B,), what the photo shows of hand and forearm

    Returns
    -------
    corner (B, 2), the square's left and upper edge; side (B,); bottom (B,), the frame's edge
    """
    share = np.linspace(0, 1, 25)[:, None]
    points = [c[:, :-1, None] + share * np.diff(c, axis=1)[:, :, None] for c in chains]
    points = np.concatenate([p.reshape(len(height), -1, 5) for p in points], axis=1)
    x, y, _, radii, _ = np.moveaxis(points, -1, 0)
    top = (y + radii).max(axis=1)
    bottom = top - height
    below = np.maximum(bottom[:, None] - y, 0)
    reach = np.sqrt(np.maximum(radii**2 - below**2, 0))  # half the width of what is visible
    left = np.where(reach > 0, x - reach, np.inf).min(axis=1)
    right = np.where(reach > 0, x + reach, -np.inf).max(axis=1)
    side = np.maximum(right - left, height)
    corner = np.stack([left + right - side, top + bottom + side], axis=1) / 2
    return corner, side, bottom


# --- The surface -----------------------------------------------------------------------------


def bone_surface(
    start: list[float], end: list[float], x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the surface of the flesh around one bone: a capsule that tapers.

    Parameters
    ----------
    start, end : x, y, z, radius, tone
    x : (W,), y : (H, 1), where to look

    Returns
    -------
    height, within, tone : (H, W)
        The nearest z; how far inside the outline a place is, negative outside; the tone. Beyond
        the outline the height goes on, steeply downwards.
    """
    x0, y0, z0, radius0, tone0 = start
    dx, dy, dz, d_radius, d_tone = (b - a for a, b in zip(start, end, strict=True))
    x, y = x - x0, y - y0
    length = np.hypot(dx, dy) + 1e-6  # of the bone in the picture
    nearest = x * (dx / length**2) + y * (dy / length**2)  # 0 at its start, 1 at its end
    aside = (x * (dy / length) - y * (dx / length)) ** 2
    # A bone that points to the camera shows the flesh around a joint further on.
    chord = np.sqrt(np.maximum((radius0 + d_radius / 2) ** 2 - aside, 0))
    along = nearest + chord * (dz / length / np.hypot(length, dz))
    along = np.minimum(np.maximum(along, 0), 1)
    radius = radius0 + along * d_radius
    bulge = radius**2 - aside - ((nearest - along) * length) ** 2
    within = bulge / (2 * radius)
    height = z0 + along * dz + np.sqrt(np.maximum(bulge, 0)) + SKIRT * np.minimum(within, 0)
    return height, within, tone0 + along * d_tone


def surface(chains: list[np.ndarray], zoom: float) -> np.ndarray:
    """Cover one hand with a smooth skin.

    Along a chain the nearest bone counts. Between chains heights h are blended by a soft
    maximum, k log Σ exp(h / k): it is the nearest one where others are far behind, and fills the
    groove where two meet. Outlines are blended the same way, so that fingers grow out of the palm
    with webs between them.

    Parameters
    ----------
    chains : list of (J, 5), in cells: x to the right, y down, z towards the camera
    zoom : cells per unit

    Returns
    -------
    (3, CELLS, CELLS)
        The depth; how far inside the outline a cell is, negative outside, both in cells; the tone
    """
    centre = np.arange(CELLS) + 0.5
    softness, edge, margin = zoom * SURFACE_BLEND, zoom * OUTLINE_BLEND, zoom * MARGIN
    tiny = np.finfo(float).tiny  # so that there is a logarithm where there is nothing
    nearness, outline, tones = np.full((3, CELLS, CELLS), tiny)

    for chain in chains:
        reach = chain[:, 3:4] + margin
        low = np.floor((chain[:, :2] - reach).min(axis=0)).clip(0, CELLS).astype(int)
        high = np.ceil((chain[:, :2] + reach).max(axis=0)).clip(0, CELLS).astype(int)
        columns, rows = map(slice, low.tolist(), high.tolist())
        x, y = centre[columns], centre[rows, None]
        bones = itertools.pairwise(chain.tolist())
        height, within, tone = bone_surface(*next(bones), x, y)
        for start, end in bones:
            next_height, next_within, next_tone = bone_surface(start, end, x, y)
            tone = np.where(next_height > height, next_tone, tone)
            height = np.maximum(height, next_height)
            within = np.maximum(within, next_within)
        weight = np.exp(height / softness)
        nearness[rows, columns] += weight
        tones[rows, columns] += weight * tone
        outline[rows, columns] += np.exp(within / edge)
    depth = np.maximum(softness * np.log(nearness), zoom * BACKGROUND)
    return np.stack([depth, edge * np.log(outline), tones / nearness])


# --- The light -------------------------------------------------------------------------------


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Blur images (B, H, W) by a Gaussian of sigma cells, black beyond the edges."""
    n_cells = images.shape[1]
    distance = np.arange(n_cells) - np.arange(n_cells)[:, None]
    kernel = np.exp(-0.5 * (distance / sigma) ** 2)
    kernel /= kernel[n_cells // 2].sum()
    return kernel @ images @ kernel


def masked_blur(images: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Blur images (B, H, W) as if nothing but the mask existed."""
    weight = blur(mask.astype(float), sigma)
    return np.where(mask, blur(np.where(mask, images, 0), sigma) / np.where(mask, weight, 1), 0)


def facing_light(depth: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Find how much the surfaces face the lamp.

    Parameters
    ----------
    depth : (B, H, W), in cells
    light : (B, 3), direction of the lamp

    Returns
    -------
    (B, H, W), the cosine of the angle between the surface's normal and the lamp, at least 0
    """
    down, right = np.gradient(depth, axis=(1, 2))
    limit = STEEPEST / np.hypot(STEEPEST, np.hypot(right, down))
    down, right = down * limit, right * limit
    x, y, z = (light / np.linalg.norm(light, axis=1, keepdims=True)).T[:, :, None, None]
    towards = z - right * x + down * y  # y points up, rows go down
    return np.maximum(towards / np.sqrt(1 + right**2 + down**2), 0)


def shade(
    depth: np.ndarray, inside: np.ndarray, tone: np.ndarray, zoom: np.ndarray, hands: Hands
) -> np.ndarray:
    """Light surfaces and photograph them.

    Parameters
    ----------
    depth, inside, tone : (B, H, W), as `surface` returns them
    zoom : (B,), cells per unit
    hands : B of them

    Returns
    -------
    (B, H, W), brightness from 0 to 1, exactly 0 where there is no hand
    """
    mask = inside > 0
    zoom = zoom[:, None, None]
    image = tone * (AMBIENT + (1 - AMBIENT) * facing_light(depth, hands.light))
    for size, strength in zip(HOLLOW_SIZES, HOLLOW_STRENGTHS, strict=True):
        hollow = (masked_blur(depth, mask, size) - depth) / zoom
        image *= 1 - np.clip(strength * hollow, *HOLLOW_LIMITS)
    image *= 1 - RIM * np.exp(-np.maximum(inside, 0) / (RIM_WIDTH * zoom))
    image += SHARPNESS * (image - masked_blur(image, mask, SHARPNESS_SIZE))
    image *= mask * (1 + GRAIN * blur(hands.grain, GRAIN_SIZE))
    image = np.maximum(image, 0)
    # A camera sets the exposure so that the hand is about as bright whatever the light.
    mean = image.sum(axis=(1, 2)) / mask.sum(axis=(1, 2))
    return np.clip(image * (hands.brightness / mean)[:, None, None], DARKEST * mask, 1)


# --- The pictures ----------------------------------------------------------------------------


def expose(hands: Hands) -> np.ndarray:
    """Build, turn, crop, draw and light hands; returns (B, CELLS, CELLS), brightness 0 to 1."""
    chains = build_hands(hands)
    for chain in chains:
        chain[..., :3] = rotate(chain[..., :3], hands.view)
    corner, side, bottom = crop(chains, hands.height)
    zoom = CELLS / side
    for chain in chains:
        chain[..., :2] = (chain[..., :2] - corner[:, None]) * [1, -1]
        chain[..., :4] *= zoom[:, None, None]
    surfaces = [surface([chain[k] for chain in chains], scale) for k, scale in enumerate(zoom)]
    depth, inside, tone = np.stack(surfaces, axis=1)
    frame = (corner[:, 1] - bottom) * zoom  # the forearm ends at the frame's lower edge
    below = np.arange(CELLS) + 0.5 > frame[:, None]
    inside = np.where(below[:, :, None], -1, inside)
    return shade(depth, inside, tone, zoom, hands)


def photograph(hands: Hands) -> np.ndarray:
    """Expose hands and shrink the pictures; returns (B, 784) uint8."""
    image = expose(hands)
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
    images = photographs_of(n_signers, seed, photograph, progress=progress)
    labels = np.tile(np.arange(10), n_signers)
    return images, labels, np.repeat(np.arange(n_signers), 10)


def photographs_of(
    n_signers: int,
    seed: int,
    take: Callable[[Hands], np.ndarray],
    *,
    times: int = 1,
    progress: bool = False,
) -> np.ndarray:
    """Take the pictures of signers, a few at a time; see `draw_hands`."""
    at_once = max(1, SIGNERS_AT_ONCE // times)
    batches = []
    with tqdm(total=n_signers, unit="signer", disable=not progress) as bar:
        for first in range(0, n_signers, at_once):
            last = min(first + at_once, n_signers)
            batches.append(take(draw_hands(seed, first, last, times)))
            bar.update(last - first)
    return np.concatenate(batches)


def render_course_like(
    seed: int, *, progress: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Render pictures as the course's own file very probably holds them.

    `COURSE_SIGNERS` show each digit `COURSE_TIMES` times. Each photograph then becomes several
    pictures: it is turned, cropped anew and shrunk.

    Parameters
    ----------
    seed : not negative
    progress : whether to show a progress bar

    Returns
    -------
    images (5000, 784) uint8, labels, signers and photographs (5000,) int64, sorted by label.
    Equal photographs mark the pictures that were made from the same one.
    """
    from PIL import Image

    from nn_helpers import square_up  # not above: the grader loads this file alone

    taken = photographs_of(
        COURSE_SIGNERS,
        seed,
        lambda hands: np.rint(255 * expose(hands)).astype(np.uint8),
        times=COURSE_TIMES,
        progress=progress,
    )
    rng = np.random.default_rng(seed)
    n_photographs = COURSE_SIGNERS * COURSE_TIMES
    which = np.arange(COURSE_PICTURES) % n_photographs
    photographs = np.concatenate([10 * which + digit for digit in range(10)])
    turns = rng.uniform(-COURSE_TURN, COURSE_TURN, len(photographs))
    images = np.empty((len(photographs), SIDE * SIDE), dtype=np.uint8)
    for image, row, degrees in zip(images, photographs, turns, strict=True):
        photo = Image.fromarray(taken[row])
        turned = photo.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
        image[:] = square_up(np.asarray(turned.crop(turned.getbbox()))).ravel()
    return images, photographs % 10, photographs // (10 * COURSE_TIMES), photographs


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
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--signers",
        type=whole_number(1),
        default=500,
        metavar="N",
        help="how many signers, ten pictures each",
    )
    kind.add_argument(
        "--course-like",
        action="store_true",
        help="instead, a file like the course's own: few hands, each turned many times, and no "
        "word on who signs",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="N", help="seed of the random numbers"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="the .npz file to write (default: sign_digits.npz or course_like.npz beside this)",
    )
    options = parser.parse_args(arguments)
    name = "course_like.npz" if options.course_like else "sign_digits.npz"
    output = getattr(options, "output", Path(__file__).with_name(name))
    if not os.access(output.parent, os.W_OK):  # say so before the work, not after
        print(f"error: cannot write into the folder {output.parent}.", file=sys.stderr)
        return 1
    try:
        if options.course_like:
            images, labels, *_ = render_course_like(options.seed, progress=True)
            named = {}
        else:
            images, labels, signers = render_signers(options.signers, options.seed, progress=True)
            named = {"signers": signers.astype(np.int32)}
        file = io.BytesIO()
        np.savez_compressed(file, dataset=images, labels=labels.astype(np.uint8), **named)
        nn.write_atomically(output, file.getvalue())
    except OSError as error:
        print(f"error: cannot write {output}: {error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing written.", file=sys.stderr)
        return 130
    signers = COURSE_SIGNERS if options.course_like else options.signers
    print(f"{len(images)} pictures of {signers} signers in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
