"""The figures' colours: seen on white, told apart by colour-blind eyes and without colour.

How colours are compared:

- Contrast: relative luminance and contrast ratio of WCAG 2.2.
- Colour blindness: the matrices of Machado, Oliveira and Fernandes, "A physiologically-based
  model for simulation of color vision deficiency", IEEE Transactions on Visualization and
  Computer Graphics 15 (2009), at severity 1, on linear RGB.
- Distance: CIEDE2000 as Sharma, Wu and Dalal write it, "The CIEDE2000 color-difference
  formula", Color Research and Application 30 (2005); theirs are the pairs that it is tested on.
"""

import io
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import nn_figures as draw
import nn_helpers as nn

# WCAG 1.4.11 asks this of graphics that are needed to understand the content.
LEAST_CONTRAST = 3.0

# CIEDE2000 is scaled so that about 1 is just seen between large patches side by side. Lines are
# thin and lie apart, so ten times that is asked.
LEAST_DISTANCE = 10.0

# Most figures have three lines or fewer, and these must differ by colour alone. Further ones
# may come closer if line style and marker say the same.
BY_COLOR_ALONE = 3

EYES = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}

# Linear sRGB to XYZ, IEC 61966-2-1. The row of Y is the luminance.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(rgb):
    """Undo the sRGB encoding of levels from 0 to 1."""
    rgb = np.asarray(rgb)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def of_hex(color):
    return linear([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def contrast(a, b):
    darker, lighter = sorted(float(TO_XYZ[1] @ rgb) for rgb in (a, b))
    return (lighter + 0.05) / (darker + 0.05)


def seen(rgb, eyes):
    """Simulate what these eyes see of linear RGB, clipped to what a screen can show."""
    return np.clip(EYES[eyes] @ rgb, 0, 1)


def lab(rgb):
    """Convert linear RGB to CIELAB, white being that of the screen."""
    t = TO_XYZ @ rgb / TO_XYZ.sum(axis=1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(lab1, lab2):
    (L1, a1, b1), (L2, a2, b2) = lab1, lab2
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1 + (1 - np.sqrt(chroma**7 / (chroma**7 + 25**7))) / 2
    C1, C2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = np.arctan2(b1, stretch * a1), np.arctan2(b2, stretch * a2)
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi  # the short way round
    L, C, h = (L1 + L2) / 2, (C1 + C2) / 2, np.degrees(h1 + turn / 2) % 360
    T = (
        1
        - 0.17 * np.cos(np.radians(h - 30))
        + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6))
        - 0.20 * np.cos(np.radians(4 * h - 63))
    )
    dL = (L2 - L1) / (1 + 0.015 * (L - 50) ** 2 / np.sqrt(20 + (L - 50) ** 2))
    dC = (C2 - C1) / (1 + 0.045 * C)
    dH = 2 * np.sqrt(C1 * C2) * np.sin(turn / 2) / (1 + 0.015 * C * T)
    rotation = np.radians(60 * np.exp(-(((h - 275) / 25) ** 2)))
    R = -2 * np.sqrt(C**7 / (C**7 + 25**7)) * np.sin(rotation)
    return np.sqrt(dL**2 + dC**2 + dH**2 + R * dC * dH)


def distance(i, j, eyes):
    first, second = (lab(seen(of_hex(draw.COLORS[k]), eyes)) for k in (i, j))
    return ciede2000(first, second)


# The measures themselves


@pytest.mark.parametrize("eyes", EYES)
def test_colour_blind_eyes_see_greys_as_they_are(eyes):
    assert np.allclose(EYES[eyes].sum(axis=1), 1, atol=2e-6)  # six decimals are published


def test_contrast_of_known_colours():
    black, white = np.zeros(3), np.ones(3)
    assert contrast(black, white) == pytest.approx(21)
    # The lightest grey with 4.5:1 on white, well known from WCAG 1.4.3.
    assert contrast(of_hex("#767676"), white) >= 4.5 > contrast(of_hex("#777777"), white)


@pytest.mark.parametrize(
    ("lab1", "lab2", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_distance_of_published_pairs(lab1, lab2, expected):
    assert ciede2000(lab1, lab2) == pytest.approx(expected, abs=5e-5)
    assert ciede2000(lab2, lab1) == pytest.approx(expected, abs=5e-5)


# The palette


@pytest.mark.parametrize("color", draw.COLORS)
def test_every_colour_stands_out_from_white(color):
    assert contrast(of_hex(color), np.ones(3)) >= LEAST_CONTRAST


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize(("i", "j"), list(combinations(range(BY_COLOR_ALONE), 2)))
def test_first_colours_are_told_apart_by_all_eyes(i, j, eyes):
    assert distance(i, j, eyes) >= LEAST_DISTANCE


@pytest.mark.parametrize(("i", "j"), list(combinations(range(len(draw.COLORS)), 2)))
def test_colours_that_come_close_differ_in_line_and_marker(i, j):
    if min(distance(i, j, eyes) for eyes in EYES) < LEAST_DISTANCE:
        assert draw.LINES[i] != draw.LINES[j]
        assert draw.MARKERS[i] != draw.MARKERS[j]


# Without colour


def drawn(**look):
    """Draw one black line and return its pixels."""
    figure = Figure(figsize=(2, 0.5))
    line = Line2D([0.1, 0.9], [0.5, 0.5], color="black", **look)
    figure.add_artist(line)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="raw", dpi=100)
    return buffer.getvalue()


def test_every_colour_has_a_line_and_a_marker_that_look_like_no_other():
    n = len(draw.COLORS)
    assert len({drawn(linestyle=line) for line in draw.LINES[:n]}) == n
    assert len({drawn(linestyle="", marker=marker) for marker in draw.MARKERS[:n]}) == n


def test_colour_line_and_marker_go_together_in_curves():
    n = len(draw.COLORS)
    curves = pd.DataFrame({str(i): [i, i + 1] for i in range(n)})
    (axis,) = draw.curves(curves, "t", xlabel="x", ylabel="y").axes
    assert [line.get_color() for line in axis.lines] == list(draw.COLORS)
    assert [line.get_marker() for line in axis.lines] == list(draw.MARKERS[:n])
    for line, style in zip(axis.lines, draw.LINES, strict=False):
        # Matplotlib keeps the dashes of a line only in private; its name for any is "--".
        assert line.get_linestyle() == Line2D([], [], linestyle=style).get_linestyle()


def test_colour_and_line_go_together_in_distributions():
    n = len(draw.COLORS)
    samples = {str(i): np.arange(9) for i in range(n)}
    (axis,) = draw.distributions(samples, "t", xlabel="x").axes
    assert [patch.get_linestyle() for patch in axis.patches] == list(draw.LINES[:n])


@pytest.mark.parametrize("eyes", EYES)
def test_signed_pictures_get_lighter_from_the_lowest_number_to_the_highest(eyes):
    """So the order is seen in any print and by any eyes, over most of the way to white."""
    figure = draw.pictures(np.linspace(-1, 1, nn.N_PIXELS)[None], "t", units="weight")
    colors = figure.axes[0].images[0].get_cmap()(np.arange(256))[:, :3]
    lightness = np.array([lab(seen(linear(rgb), eyes))[0] for rgb in colors])
    assert np.all(np.diff(lightness) > 0)
    assert np.ptp(lightness) > 70  # of 100
