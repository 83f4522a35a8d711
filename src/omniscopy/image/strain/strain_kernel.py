"""Compiled strain of every pixel from two waves and their derivatives."""

from typing import Any

import numba
import numpy as np

from omniscopy.compute.threads import available_cores, share_work
from omniscopy.image.strain.local_frequencies import TAPS, Waves, Weights
from omniscopy.model import Status
from omniscopy.model.compiling import keep_compiled

# The columns that are written.
COLUMNS = (
    "strain_yy", "strain_xx", "strain_xy", "rotation", "strain_yy_std", "strain_xx_std",
    "strain_xy_std", "rotation_std", "displacement_y", "displacement_x", "amplitude_1",
    "amplitude_2", "displacement_y_std", "displacement_x_std",
)  # fmt: skip
# A run of pixels of a row is worked on at a time, in a room where each thing that is known of
# them has its place: with distances that are known when they are compiled, loops become vector
# instructions. The room of a wave begins with what is known of its pixels; then come, for each of
# the eight coefficients along y that a row hangs on, the real and imaginary parts of the wave and
# of its derivative along x.
RUN = 128
_PART, _YY, _YX, _XX, _NEAR, _KY, _KX, _PHASE, _SQUARE, _AMPLITUDE = (n * RUN for n in range(10))
_LINES = 10 * RUN
_WAVE = _LINES + TAPS * 4 * RUN
_OUT = 2 * _WAVE
_ROOM = _OUT + len(COLUMNS) * RUN
# Waves whose square is below this have no direction.
_TINY = 1e-30


def _arc_tangent() -> np.ndarray:
    """Return atan(t) / t as a polynomial of t^2, right to 1e-12 up to an eighth of pi."""

    def ratio(square: np.ndarray) -> np.ndarray:
        t = np.sqrt(np.maximum(square, 1e-12))
        return np.asarray(np.arctan(t) / t)

    found = np.polynomial.Chebyshev.interpolate(ratio, 7, (0.0, np.tan(np.pi / 8) ** 2))
    return np.asarray(found.convert(kind=np.polynomial.Polynomial).coef)


# Given to kernels in the precision of the image: numbers that are written in them are double.
_NUMBERS = np.array([
    0.0, 0.5, 1.0, 2.0, np.pi, 0.5 / np.pi, 180 / np.pi, _TINY, np.tan(np.pi / 8), np.nan,
    *_arc_tangent(),
])  # fmt: skip


def _interpolate(  # noqa: PLR0917
    room: np.ndarray, line: np.ndarray, taps: np.ndarray, place: int, begin: int, count: int
) -> None:
    """Write a wave and its derivative along x on a run of pixels, from coefficients of nodes.

    `line`, shape (nodes + 7), complex; `taps`, shape (stride, 2, 8); `place` is that of the line
    among the eight along y.
    """
    stride, out = len(taps), _LINES + place * 4 * RUN
    node, away = begin // stride, begin % stride
    for j in range(count):
        re = im = slope_re = slope_im = taps.dtype.type(0)
        for n in range(TAPS):
            value, tap, slope = line[node + n], taps[away, 0, n], taps[away, 1, n]
            re += tap * value.real
            im += tap * value.imag
            slope_re += slope * value.real
            slope_im += slope * value.imag
        room[out + j], room[out + RUN + j] = re, im
        room[out + 2 * RUN + j], room[out + 3 * RUN + j] = slope_re, slope_im
        away += 1
        if away == stride:
            node, away = node + 1, 0


def _weigh(  # noqa: PLR0917
    room: np.ndarray, rows: np.ndarray, columns: np.ndarray, pixels: np.ndarray, row: int,
    begin: int, count: int,
) -> None:  # fmt: skip
    """Write what part of the Gaussian lies on values and the inverse of its covariance there."""
    if pixels.shape[1]:
        for n in range(4):
            keep_kernel(pixels[n, row][begin:], room[_PART + n * RUN :], count)
        return
    part, yy = rows[0, row], rows[1, row]
    along = columns[0][begin:]
    for j in range(count):
        room[_PART + j] = part * along[j]
    for j in range(count):
        room[_YY + j], room[_YX + j] = yy, 0.0
    keep_kernel(columns[1][begin:], room[_XX:], count)


def _angle(im: Any, re: Any, numbers: Any) -> Any:
    """Return the angle of a complex number, in radians."""
    zero, half, pi, limit = numbers[0], numbers[1], numbers[4], numbers[8]
    width, height = abs(re), abs(im)
    steep = height > width
    small, large = width if steep else height, height if steep else width
    folded = small > limit * large
    t = (small - large if folded else small) / (small + large if folded else large)
    s = t * t
    series = numbers[14] + s * (numbers[15] + s * (numbers[16] + s * numbers[17]))
    series = numbers[11] + s * (numbers[12] + s * (numbers[13] + s * series))
    series = numbers[10] + s * series
    angle = t * series + (half * half * pi if folded else zero)
    angle = half * pi - angle if steep else angle
    angle = pi - angle if re < zero else angle
    return -angle if im < zero else angle


def _measure(  # noqa: PLR0913, PLR0917
    room: np.ndarray, near: np.ndarray, turns: np.ndarray, turn: Any, taps: np.ndarray, first: int,
    g: np.ndarray, away: np.ndarray, numbers: Any, count: int,
) -> None:  # fmt: skip
    """Write square, amplitude, local frequency and phase of one wave.

    `taps`, shape (2, 8), are those of the row, beginning with the coefficients that are in the
    place `first`. The Gaussian lies around `g`, shape (2,), which is `away` from the carrier. What
    it cuts off draws slopes towards its middle. `near` are the phases of the nearest nodes, `turns`
    and `turn` what is added to those of the wave.
    """
    g_y, g_x, away_y, away_x = g[0], g[1], away[0], away[1]
    half, two, pi, per_turn = numbers[1], numbers[3], numbers[4], numbers[5]
    line, slope = ring_kernel(taps[0], first), ring_kernel(taps[1], first)
    for j in range(count):
        room[_PHASE + j] = turns[j] + turn
    for j in range(count):
        room[_NEAR + j] = near[j]
    for j in range(count):
        n = _LINES + j
        re, im = sum_kernel(room, n, line), sum_kernel(room, n + RUN, line)
        y_re, y_im = sum_kernel(room, n, slope), sum_kernel(room, n + RUN, slope)
        x_re = sum_kernel(room, n + 2 * RUN, line)
        x_im = sum_kernel(room, n + 3 * RUN, line)
        square = re * re + im * im
        scale = per_turn / square
        y = scale * (y_im * re - y_re * im) - away_y
        x = scale * (x_im * re - x_re * im) - away_x
        room[_SQUARE + j] = square
        room[_AMPLITUDE + j] = two * np.sqrt(square) / room[_PART + j]
        room[_KY + j] = g_y + room[_YY + j] * y + room[_YX + j] * x
        room[_KX + j] = g_x + room[_YX + j] * y + room[_XX + j] * x
        phase = room[_PHASE + j] + angle_kernel(im, re, numbers)
        whole = np.floor((room[_NEAR + j] - phase) * per_turn + half)
        room[_PHASE + j] = phase + two * pi * whole


def _ring(taps: np.ndarray, first: int) -> Any:
    """Return eight taps in the order of places, the first of them in the place `first`."""
    n = TAPS - first
    return (
        taps[n % 8], taps[(n + 1) % 8], taps[(n + 2) % 8], taps[(n + 3) % 8],
        taps[(n + 4) % 8], taps[(n + 5) % 8], taps[(n + 6) % 8], taps[(n + 7) % 8],
    )  # fmt: skip


def _sum(room: np.ndarray, n: int, taps: Any) -> Any:
    """Return what eight lines make of a pixel."""
    return (
        taps[0] * room[n] + taps[1] * room[n + 4 * RUN] + taps[2] * room[n + 8 * RUN]
        + taps[3] * room[n + 12 * RUN] + taps[4] * room[n + 16 * RUN]
        + taps[5] * room[n + 20 * RUN] + taps[6] * room[n + 24 * RUN]
        + taps[7] * room[n + 28 * RUN]
    )  # fmt: skip


def _deform(  # noqa: PLR0917
    room: np.ndarray, g0: np.ndarray, inverse: np.ndarray, noise: Any, lever: np.ndarray,
    least: np.ndarray, numbers: Any, count: int,
) -> None:  # fmt: skip
    """Write deformation less one (yy, xx, yx, xy), displacement, amplitudes and all deviations.

    NaN where a wave is below the `least` amplitude. `inverse`, shape (2, 2), makes displacements
    (y, x) of both phases, and `lever` their variances of those of the frequencies; `noise` is the
    variance of a frequency times the square of the wave.
    """
    half, one, degrees = numbers[1], numbers[2], numbers[6]
    tiny, nothing = numbers[7], numbers[9]
    g_1y, g_1x, g_2y, g_2x = g0[0, 0], g0[0, 1], g0[1, 0], g0[1, 1]
    y_1, y_2, x_1, x_2 = inverse[0, 0], inverse[0, 1], inverse[1, 0], inverse[1, 1]
    yy_1, yy_2, xx_1, xx_2 = lever[0, 0], lever[0, 1], lever[1, 0], lever[1, 1]
    least_1, least_2 = least[0], least[1]
    for j in range(count):
        a, b = room[_KY + j], room[_KX + j]
        c, d = room[_WAVE + _KY + j], room[_WAVE + _KX + j]
        square_1, square_2 = room[_SQUARE + j], room[_WAVE + _SQUARE + j]
        height_1, height_2 = room[_AMPLITUDE + j], room[_WAVE + _AMPLITUDE + j]
        good = (height_1 > least_1) & (height_2 > least_2) & (square_1 > tiny) & (square_2 > tiny)
        valid = one if good else nothing
        # The columns of the inverse of Q = [[a, b], [c, d]].
        per_det = valid / (a * d - b * c)
        u_y, u_x, v_y, v_x = d * per_det, -c * per_det, -b * per_det, a * per_det
        room[_OUT + j] = u_y * g_1y + v_y * g_2y - one
        room[_OUT + RUN + j] = u_x * g_1x + v_x * g_2x - one
        room[_OUT + 2 * RUN + j] = u_y * g_1x + v_y * g_2x
        room[_OUT + 3 * RUN + j] = u_x * g_1y + v_x * g_2y
        s_1, s_2 = noise * valid / square_1, noise * valid / square_2
        yy, xx = u_y * u_y * s_1 + v_y * v_y * s_2, u_x * u_x * s_1 + v_x * v_x * s_2
        spread = half * np.sqrt(yy + xx)
        room[_OUT + 4 * RUN + j] = np.sqrt(yy)
        room[_OUT + 5 * RUN + j] = np.sqrt(xx)
        room[_OUT + 6 * RUN + j] = spread
        room[_OUT + 7 * RUN + j] = degrees * spread
        phase_1, phase_2 = valid * room[_PHASE + j], room[_WAVE + _PHASE + j]
        room[_OUT + 8 * RUN + j] = y_1 * phase_1 + y_2 * phase_2
        room[_OUT + 9 * RUN + j] = x_1 * phase_1 + x_2 * phase_2
        room[_OUT + 10 * RUN + j] = height_1
        room[_OUT + 11 * RUN + j] = height_2
        room[_OUT + 12 * RUN + j] = np.sqrt(yy_1 * s_1 + yy_2 * s_2)
        room[_OUT + 13 * RUN + j] = np.sqrt(xx_1 * s_1 + xx_2 * s_2)


def _strain(room: np.ndarray, finite: bool, numbers: Any, count: int) -> None:  # noqa: FBT001
    """Make strain and rotation of what a deformation has beyond one."""
    half, two, degrees = numbers[1], numbers[3], numbers[6]
    if not finite:
        for j in range(count):
            yx, xy = room[_OUT + 2 * RUN + j], room[_OUT + 3 * RUN + j]
            room[_OUT + 2 * RUN + j] = half * (yx + xy)
            room[_OUT + 3 * RUN + j] = degrees * half * (yx - xy)
        return
    for j in range(count):
        yy, xx = room[_OUT + j], room[_OUT + RUN + j]
        yx, xy = room[_OUT + 2 * RUN + j], room[_OUT + 3 * RUN + j]
        room[_OUT + j] = yy + half * (yy * yy + xy * xy)
        room[_OUT + RUN + j] = xx + half * (xx * xx + yx * yx)
        room[_OUT + 2 * RUN + j] = half * (yx + xy + yy * yx + xy * xx)
        room[_OUT + 3 * RUN + j] = degrees * angle_kernel(yx - xy, two + yy + xx, numbers)


def _keep(values: np.ndarray, target: np.ndarray, count: int) -> None:
    """Copy a column of a run."""
    for j in range(count):
        target[j] = values[j]


def _work(  # noqa: PLR0913, PLR0917
    lines: np.ndarray, taps_y: np.ndarray, taps_x: np.ndarray, rows: np.ndarray,
    columns: np.ndarray, pixels: np.ndarray, near: np.ndarray, turns_y: np.ndarray,
    turns_x: np.ndarray, g: np.ndarray, away: np.ndarray, g0: np.ndarray, inverse: np.ndarray,
    noise: Any, lever: np.ndarray, least: np.ndarray, finite: bool, whole: Any,  # noqa: FBT001
    codes: tuple[int, int, int], numbers: Any, begin: int, end: int, out: Any,
    status: np.ndarray,
) -> None:  # fmt: skip
    """Write all columns, each of shape (y, x), and the outcome, from one node to another.

    `lines`, shape (2, nodes + 7, nodes + 7): see `Waves`. `near`, shape (2, nodes, x): phases of
    the nearest nodes, unwrapped.
    """
    room = np.zeros(_ROOM, out[0].dtype)
    stride, size = len(taps_y), status.shape[1]
    for first in range(0, size, RUN):
        count = min(RUN, size - first)
        for node in range(begin, end):
            for line in range(node if node == begin else node + TAPS - 1, node + TAPS):
                for n in range(2):
                    wave = room[n * _WAVE : (n + 1) * _WAVE]
                    interpolate_kernel(wave, lines[n, line], taps_x, line % TAPS, first, count)
            for row in range(node * stride, min((node + 1) * stride, status.shape[0])):
                nearest = min((row + stride // 2) // stride, near.shape[1] - 1)
                taps = taps_y[row - node * stride]
                for n in range(2):
                    wave = room[n * _WAVE : (n + 1) * _WAVE]
                    weigh_kernel(wave, rows, columns, pixels, row, first, count)
                    phases = near[n, nearest][first:], turns_x[n][first:], turns_y[n, row]
                    measure_kernel(wave, *phases, taps, node % TAPS, g[n], away[n], numbers, count)
                deform_kernel(room, g0, inverse, noise, lever, least, numbers, count)
                finish_kernel(room, finite, numbers, count)
                for column in range(14):
                    keep_kernel(room[_OUT + column * RUN :], out[column][row][first:], count)
                for j in range(count):
                    code = codes[0] if room[_PART + j] >= whole else codes[1]
                    status[row, first + j] = codes[2] if np.isnan(room[_OUT + j]) else code


def compiled(function: Any) -> Any:
    """Return a compiled function, in which a division by zero is not an error."""
    return keep_compiled(
        numba.njit, function, nogil=True, error_model="numpy",
        fastmath={"contract", "arcp", "nsz", "reassoc"},
    )  # fmt: skip


angle_kernel = compiled(_angle)
ring_kernel = compiled(_ring)
sum_kernel = compiled(_sum)
interpolate_kernel = compiled(_interpolate)
weigh_kernel = compiled(_weigh)
measure_kernel = compiled(_measure)
deform_kernel = compiled(_deform)
finish_kernel = compiled(_strain)
keep_kernel = compiled(_keep)
strain_kernel = compiled(_work)


def strain_of(  # noqa: PLR0913
    waves: Waves, weights: Weights, phases: np.ndarray, turns: tuple[np.ndarray, np.ndarray],
    g0: np.ndarray, *, noise: float, sigma: float, pixel: float, finite: bool,
    least: np.ndarray, whole: float, out: tuple[np.ndarray, ...], status: np.ndarray,
) -> None:  # fmt: skip
    """Write the columns, each of shape (y, x), and the outcome of every pixel, by all cores.

    `phases`, shape (2, nodes), are those of every `waves.stride` pixels, unwrapped, and `turns`,
    shapes (2, y) and (2, x), what is added to those of the waves. `noise` is the standard
    deviation of a frequency times the magnitude of the wave; displacements are in pixels times
    `pixel`. White noise smoothed by a Gaussian
    has slopes whose variance is that of its values over 2 sigma squared, so that phases are as
    uncertain as frequencies times 2 pi sigma root 2. What lies on values to less than `whole` is
    at a bound.
    """
    kind = out[0].dtype
    inverse = np.linalg.inv(g0) * pixel
    vectors = [
        waves.g,
        waves.g - waves.k0,
        g0,
        -inverse / (2 * np.pi),
        2.0 * sigma**2 * inverse**2,
        least,
    ]
    g, away, g0, back, lever, least = (each.astype(kind) for each in vectors)
    codes = int(Status.CONVERGED), int(Status.AT_BOUND), int(Status.INVALID)
    numbers = tuple(_NUMBERS.astype(kind))
    lines = waves.coefficients, waves.taps(0), waves.taps(1)
    columns = (np.arange(status.shape[1]) + waves.stride[1] // 2) // waves.stride[1]
    near = phases[:, :, np.minimum(columns, phases.shape[2] - 1)]
    added = [each.astype(kind) for each in (near, *turns)]

    def work(begin: int) -> None:
        strain_kernel(
            *lines, *weights, *added, g, away, g0, back, kind.type(noise**2), lever, least,
            finite, kind.type(whole), codes, numbers, begin, min(begin + step, count), out, status,
        )  # fmt: skip

    count = -(-len(status) // waves.stride[0])
    step = -(-count // (2 * available_cores()))
    share_work(work, range(0, count, step))
