"""Compiled strain of every pixel from its local reciprocal vectors."""

from typing import Any

import numba
import numpy as np

from omniscopy.compute.threads import available_cores, share_work
from omniscopy.model.compiling import keep_compiled

# The columns that the kernel writes.
COLUMNS = (
    "strain_yy", "strain_xx", "strain_xy", "rotation", "strain_yy_std", "strain_xx_std",
    "strain_xy_std", "rotation_std", "phase_1", "phase_2", "amplitude_1", "amplitude_2",
    "displacement_y_std", "displacement_x_std",
)  # fmt: skip
# What is 0 cannot be divided by.
_TINY = 1e-30


def _strain(  # noqa: PLR0913, PLR0915, PLR0917 - a kernel holds what it needs in registers
    value_1: np.ndarray, y_1: np.ndarray, x_1: np.ndarray,
    value_2: np.ndarray, y_2: np.ndarray, x_2: np.ndarray,
    part: np.ndarray, spread_y: np.ndarray, spread_x: np.ndarray,
    k0: np.ndarray, g0: np.ndarray, turns_y: np.ndarray, turns_x: np.ndarray,
    noise: float, lever: np.ndarray, finite: bool,  # noqa: FBT001
    least: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the columns of each pixel; no strain (NaN) where an amplitude is below the `least` one.

    `k0` and `g0`, shape (2, 2): carriers and reference vectors, as (ky, kx). `turns_y`, shape
    (2, y), and `turns_x`: what is added to the phases. `spread_y`, shape (y), and `spread_x`: by
    what slopes are divided near edges. `noise` is the standard
    deviation of a local frequency times the magnitude of the wave; `lever`, shape (2, 2), makes
    variances of displacements (y, x) of those of both frequencies.
    """
    rows, columns = part.shape
    half, per_turn, degrees = 0.5, 1 / (2 * np.pi), 180 / np.pi
    for i in range(rows):
        for j in range(columns):
            size_1 = value_1[i, j].real ** 2 + value_1[i, j].imag ** 2
            size_2 = value_2[i, j].real ** 2 + value_2[i, j].imag ** 2
            height_1, height_2 = np.sqrt(size_1), np.sqrt(size_2)
            amplitude_1 = 2 * height_1 / part[i, j]
            amplitude_2 = 2 * height_2 / part[i, j]
            out[10, i, j], out[11, i, j] = amplitude_1, amplitude_2
            if not (amplitude_1 > least[0] and amplitude_2 > least[1] and size_1 > _TINY):
                for column in range(14):
                    if column not in (10, 11):
                        out[column, i, j] = np.nan
                continue
            scale_1, scale_2 = per_turn / size_1, per_turn / size_2
            re, im = value_1[i, j].real, value_1[i, j].imag
            a = k0[0, 0] + (y_1[i, j].imag * re - y_1[i, j].real * im) * scale_1 / spread_y[i]
            b = k0[0, 1] + (x_1[i, j].imag * re - x_1[i, j].real * im) * scale_1 / spread_x[j]
            phase_1 = np.arctan2(im, re) + turns_y[0, i] + turns_x[0, j]
            re, im = value_2[i, j].real, value_2[i, j].imag
            c = k0[1, 0] + (y_2[i, j].imag * re - y_2[i, j].real * im) * scale_2 / spread_y[i]
            d = k0[1, 1] + (x_2[i, j].imag * re - x_2[i, j].real * im) * scale_2 / spread_x[j]
            phase_2 = np.arctan2(im, re) + turns_y[1, i] + turns_x[1, j]
            det = a * d - b * c
            # The columns of the inverse of Q = [[a, b], [c, d]].
            per_det = 1 / det
            u_y, u_x, v_y, v_x = d * per_det, -c * per_det, -b * per_det, a * per_det
            d_yy = u_y * g0[0, 0] + v_y * g0[1, 0]
            d_yx = u_y * g0[0, 1] + v_y * g0[1, 1]
            d_xy = u_x * g0[0, 0] + v_x * g0[1, 0]
            d_xx = u_x * g0[0, 1] + v_x * g0[1, 1]
            if finite:
                out[0, i, j] = half * (d_yy * d_yy + d_xy * d_xy - 1)
                out[1, i, j] = half * (d_xx * d_xx + d_yx * d_yx - 1)
                out[2, i, j] = half * (d_yy * d_yx + d_xy * d_xx)
                out[3, i, j] = degrees * np.arctan2(d_yx - d_xy, d_yy + d_xx)
            else:
                out[0, i, j] = d_yy - 1
                out[1, i, j] = d_xx - 1
                out[2, i, j] = half * (d_yx + d_xy)
                out[3, i, j] = degrees * half * (d_yx - d_xy)
            s_1, s_2 = noise * noise / size_1, noise * noise / size_2
            yy, xx = u_y**2 * s_1 + v_y**2 * s_2, u_x**2 * s_1 + v_x**2 * s_2
            out[4, i, j], out[5, i, j] = np.sqrt(yy), np.sqrt(xx)
            spread = half * np.sqrt(yy + xx)
            out[6, i, j], out[7, i, j] = spread, spread * degrees
            out[12, i, j] = np.sqrt(lever[0, 0] * s_1 + lever[0, 1] * s_2)
            out[13, i, j] = np.sqrt(lever[1, 0] * s_1 + lever[1, 1] * s_2)
            out[8, i, j] = phase_1 - 2 * np.pi * np.floor(phase_1 * per_turn + half)
            out[9, i, j] = phase_2 - 2 * np.pi * np.floor(phase_2 * per_turn + half)


def _displace(
    phases: np.ndarray, smooth: np.ndarray, stride: int, inverse: np.ndarray, start: int
) -> None:
    """Write displacements over phases, of which a coarse map says how often they have turned.

    `phases`, shape (2, y, x); `smooth`, shape (2, y / stride, x / stride); `inverse`, shape
    (2, 2): what makes (y, x) of the two phases. `start` is the row where `phases` begins.
    """
    _, rows, columns = phases.shape
    per_turn = 1 / (2 * np.pi)
    for i in range(rows):
        p = min((start + i) / stride, smooth.shape[1] - 1.0)
        row = min(int(p), max(smooth.shape[1] - 2, 0))
        next_row, p = min(row + 1, smooth.shape[1] - 1), p - row
        for j in range(columns):
            q = min(j / stride, smooth.shape[2] - 1.0)
            column = min(int(q), max(smooth.shape[2] - 2, 0))
            next_column, q = min(column + 1, smooth.shape[2] - 1), q - column
            y = x = 0.0
            for n in range(2):
                upper = (1 - q) * smooth[n, row, column] + q * smooth[n, row, next_column]
                lower = (1 - q) * smooth[n, next_row, column] + q * smooth[n, next_row, next_column]
                coarse = (1 - p) * upper + p * lower
                phase = phases[n, i, j]
                phase += 2 * np.pi * np.floor((coarse - phase) * per_turn + 0.5)
                y += inverse[0, n] * phase
                x += inverse[1, n] * phase
            phases[0, i, j], phases[1, i, j] = y, x


strain_kernel: Any = keep_compiled(
    numba.njit, _strain, nogil=True, error_model="numpy",
    fastmath={"contract", "arcp", "nsz", "reassoc"},
)  # fmt: skip
displace_kernel: Any = keep_compiled(numba.njit, _displace, nogil=True, error_model="numpy")


def strain_of(  # noqa: PLR0913
    first: Any, second: Any, weights: Any, g0: np.ndarray, turns: tuple[np.ndarray, np.ndarray],
    *, noise: float, sigma: float, finite: bool, least: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the columns, shape (columns, y, x), from two waves, by all cores.

    White noise smoothed by a Gaussian has slopes whose variance is that of its values over
    2 sigma squared, so that phases are as uncertain as frequencies times 2 pi sigma root 2.
    """
    lever = 2.0 * sigma**2 * np.linalg.inv(g0) ** 2
    k0 = np.stack([first.k0, second.k0])
    part = weights.part
    spread_y, spread_x = (np.ones(size, part.dtype) for size in part.shape)
    if weights.yx is None:
        spread_y, spread_x = weights.yy.ravel(), weights.xx.ravel()

    def work(begin: int) -> None:
        rows = slice(begin, begin + step)
        waves = [each[rows] for wave in (first, second) for each in wave[:3]]
        strain_kernel(
            *waves, part[rows], spread_y[rows], spread_x, k0, g0,
            np.ascontiguousarray(turns[0][:, rows]), turns[1], noise, lever, finite, least,
            out[:, rows],
        )  # fmt: skip

    step = max(1, -(-len(part) // (2 * available_cores())))
    share_work(work, range(0, len(part), step))


def displace(phases: np.ndarray, smooth: np.ndarray, stride: int, inverse: np.ndarray) -> None:
    """Write displacements (y, x) over two wrapped phases, shape (2, y, x), by all cores."""
    step = max(1, -(-phases.shape[1] // (2 * available_cores())))

    def work(begin: int) -> None:
        displace_kernel(phases[:, begin : begin + step], smooth, stride, inverse, begin)

    share_work(work, range(0, phases.shape[1], step))
