# ruff: noqa: C901, PLR0912, PLR0915, PLR0913, PLR0917 - kernels take their arrays one by one
"""Compiled passes over single curves: their order, baseline, contact, attraction and area."""

import math

import numpy as np
from numba import njit

from omniscopy.model.compiling import keep_compiled
from omniscopy.model.status import Status

_NO_DATA, _INVALID = float(Status.NO_DATA), float(Status.INVALID)
# Equal largest values in a row from which on a detector is taken to be saturated.
CLIPPED = 5
# Values in units of the noise below which nothing is called a contact.
_SEEN = 6.0
_STANDS = 0.01
_LOOKED_AT = 256


def _compiled(function):  # type: ignore[no-untyped-def]
    return keep_compiled(njit, function, nogil=True, error_model="numpy")


@_compiled
def in_order(z, f, s, g):  # type: ignore[no-untyped-def]
    """Fill in travel and force of one curve from far to near; return points, direction, status.

    The near end is the one of more force. The direction is 1 where the height grows towards the
    sample, -1 where it falls; travel is height times direction.
    """
    n = 0
    for i in range(f.size):
        if math.isfinite(z[i]) and math.isfinite(f[i]):
            s[n], g[n] = z[i], f[i]
            n += 1
    if n < 8:
        return n, 1.0, _NO_DATA
    low, high = s[0], s[0]
    for i in range(n):
        low, high = min(low, s[i]), max(high, s[i])
    if not abs(s[n - 1] - s[0]) > 0.5 * (high - low):
        return n, 1.0, _INVALID
    part = max(1, n // 8)
    begin, end = 0.0, 0.0
    for i in range(part):
        begin += g[i]
        end += g[n - 1 - i]
    if begin > end:
        for i in range(n // 2):
            s[i], s[n - 1 - i] = s[n - 1 - i], s[i]
            g[i], g[n - 1 - i] = g[n - 1 - i], g[i]
    direction = 1.0 if s[n - 1] > s[0] else -1.0
    for i in range(n):
        s[i] *= direction
    return n, direction, 0.0


@_compiled
def clipped_from(g, n):  # type: ignore[no-untyped-def]
    """Return how many of the largest values of a curve follow each other, 0 where few do."""
    top = g[0]
    for i in range(n):
        top = max(top, g[i])
    longest, run = 0, 0
    for i in range(n):
        run = run + 1 if g[i] == top else 0
        longest = max(longest, run)
    return longest if longest >= CLIPPED and longest < n else 0


@_compiled
def line_through(s, g, n):  # type: ignore[no-untyped-def]
    """Return mean place, mean value, slope, spread of places, and variance about the line."""
    x, y = 0.0, 0.0
    for i in range(n):
        x += s[i]
        y += g[i]
    x, y = x / n, y / n
    xx, xy = 0.0, 0.0
    for i in range(n):
        xx += (s[i] - x) ** 2
        xy += (s[i] - x) * (g[i] - y)
    slope = xy / xx if xx > 0.0 else 0.0
    rest = 0.0
    for i in range(n):
        rest += (g[i] - y - slope * (s[i] - x)) ** 2
    return x, y, slope, xx, (rest / (n - 2) if n > 2 else math.nan)


@_compiled
def far_points(s, n, fraction):  # type: ignore[no-untyped-def]
    """Return how many points lie in the far part of the travel."""
    end = s[0] + fraction * (s[n - 1] - s[0])
    count = 0
    while count < n and s[count] <= end:
        count += 1
    return count


@_compiled
def baselines(z, f, fraction, tilted, found):  # type: ignore[no-untyped-def]
    """Fill in offset, tilt, their deviations, place, noise, clipped points and status."""
    s, g = np.empty(f.shape[1]), np.empty(f.shape[1])
    for row in range(len(f)):
        n, direction, status = in_order(z[row if len(z) > 1 else 0], f[row], s, g)
        found[row, 6], found[row, 7] = 0.0, status
        if status != 0.0:
            continue
        found[row, 6] = clipped_from(g, n)
        count = far_points(s, n, fraction)
        if count < 4:
            found[row, 7] = _NO_DATA
            continue
        x, y, slope, xx, variance = line_through(s, g, count)
        if not tilted:
            variance = (variance * (count - 2) + slope * slope * xx) / (count - 1)
            slope, xx = 0.0, np.inf
        found[row, 0], found[row, 1] = y, math.sqrt(variance / count)
        found[row, 2], found[row, 3] = direction * slope, math.sqrt(variance / xx)
        found[row, 4], found[row, 5] = direction * x, math.sqrt(variance)


@_compiled
def contacts(z, f, method, fraction, threshold, found):  # type: ignore[no-untyped-def]
    """Fill in place of the contact, direction, noise and status, by a rule that fits nothing.

    The rules: 0 deviation from the baseline, 1 largest distance from the line between both ends,
    2 where the gradient vanishes.
    """
    size = f.shape[1]
    s, g, smooth = np.empty(size), np.empty(size), np.empty(size)
    for row in range(len(f)):
        n, direction, status = in_order(z[row if len(z) > 1 else 0], f[row], s, g)
        found[row, 1], found[row, 3] = direction, status
        if status != 0.0:
            continue
        count = far_points(s, n, fraction)
        if count < 4:
            found[row, 3] = _NO_DATA
            continue
        x, y, slope, xx, variance = line_through(s, g, count)
        noise = math.sqrt(variance)
        found[row, 2] = noise
        top, at = 0.0, n - 1
        for i in range(n):
            g[i] -= y + slope * (s[i] - x)
            if g[i] > top:
                top, at = g[i], i
        if clipped_from(f[row], size) > 0:
            found[row, 3] = _INVALID
            continue
        # What the baseline itself is uncertain by at the near end is no contact either.
        far = noise * math.sqrt(1.0 / count + (s[n - 1] - x) ** 2 / xx)
        if not top > _SEEN * noise + 3.0 * far or top <= 0.0:
            found[row, 3] = _NO_DATA
            continue
        if method == 0:
            i = at
            level = max(threshold * noise, 1e-9 * top)
            while i > 0 and g[i] > level:
                i -= 1
            found[row, 0] = direction * s[i]
        elif method == 1:
            best, place = 0.0, 0
            for i in range(at + 1):
                line = g[0] + (g[at] - g[0]) * (s[i] - s[0]) / (s[at] - s[0])
                if line - g[i] > best:
                    best, place = line - g[i], i
            found[row, 0] = direction * s[place]
        else:
            half = max(1, n // 50)
            total, width = 0.0, 0
            for i in range(min(half, n)):
                total += g[i]
                width += 1
            for i in range(n):
                if i + half < n:
                    total += g[i + half]
                    width += 1
                if i - half - 1 >= 0:
                    total -= g[i - half - 1]
                    width -= 1
                smooth[i] = total / width
            steepest = 0.0
            for i in range(half, n - half):
                steepest = max(steepest, smooth[i + half] - smooth[i - half])
            i = min(at, n - half - 1)
            while i > half and smooth[i + half] - smooth[i - half] > _STANDS * steepest:
                i -= 1
            found[row, 0] = direction * s[i]


@_compiled
def attractions(z, f, fraction, found):  # type: ignore[no-untyped-def]
    """Fill in largest attraction, its deviation, its place, area below the baseline, and status."""
    s, g = np.empty(f.shape[1]), np.empty(f.shape[1])
    for row in range(len(f)):
        n, direction, status = in_order(z[row if len(z) > 1 else 0], f[row], s, g)
        found[row, 5] = status
        if status != 0.0:
            continue
        count = far_points(s, n, fraction)
        if count < 4:
            found[row, 5] = _NO_DATA
            continue
        x, y, slope, reach, variance = line_through(s, g, count)
        noise = math.sqrt(variance)
        at, lowest = 0, np.inf
        for i in range(n):
            g[i] -= y + slope * (s[i] - x)
            if g[i] < lowest:
                at, lowest = i, g[i]
        if not lowest < -4.5 * noise or lowest >= 0.0:
            found[row, 0], found[row, 1], found[row, 3] = 0.0, noise, 0.0
            found[row, 4] = 0.0
            continue
        # The force is straight on the near side, and jumps on the far side: a line up to it.
        more = min(8, n - at)
        own, value, rise, spread, _ = line_through(s[at : at + more], g[at : at + more], more)
        away = (s[at] - own) ** 2
        deviation = noise
        if more > 3:
            lowest = value + rise * (s[at] - own)
            line = 1.0 / count + (s[at] - x) ** 2 / reach
            deviation = noise * math.sqrt(1.0 / more + away / spread + line)
        found[row, 0], found[row, 1], found[row, 2] = -lowest, deviation, direction * s[at]
        area, squares = 0.0, 0.0
        i = at
        while i > 0 and g[i] < -noise:
            i -= 1
        first = i
        i = at
        while i < n - 1 and g[i] < 0.0:
            i += 1
        for j in range(first, i):
            one, two = min(g[j], 0.0), min(g[j + 1], 0.0)
            area -= 0.5 * (one + two) * (s[j + 1] - s[j])
            squares += (s[j + 1] - s[j]) ** 2
        # The baseline is extrapolated to there, and is off by as much along all of it.
        middle, length = 0.5 * (s[first] + s[i]), s[i] - s[first]
        squares += length**2 * (1.0 / count + (middle - x) ** 2 / reach)
        found[row, 3], found[row, 4] = area, noise * math.sqrt(squares)


@_compiled
def extremes(d, y):  # type: ignore[no-untyped-def]
    """Return least and most of the depths and of the forces that are finite, and how many are."""
    n, first, reach, low, top = 0, np.inf, -np.inf, np.inf, -np.inf
    for i in range(y.size):
        if abs(y[i]) < np.inf and abs(d[i]) < np.inf:
            n += 1
            first, reach = min(first, d[i]), max(reach, d[i])
            low, top = min(low, y[i]), max(top, y[i])
    return first, reach, low, top, n


@_compiled
def stays_at(y, top):  # type: ignore[no-untyped-def]
    """Return whether a detector is saturated: so many values in a row are the largest."""
    equal = 0
    for i in range(y.size):
        equal += 1 if y[i] == top else 0
    if equal < CLIPPED:
        return False
    run, longest = 0, 0
    for i in range(y.size):
        if y[i] == top:
            run += 1
            longest = max(longest, run)
        elif y[i] < top:
            run = 0
    return longest >= CLIPPED


@_compiled
def indentation_starts(x, f, ends, exponent, sticks, fixed, softness, found, weights):  # type: ignore[no-untyped-def]
    """Fill in where a fit starts: depth and force at the top, contact, attraction, and status.

    With a softness (one over the spring constant) the weights of the points too: a noise of the
    force is one of the depth as well, and a residual feels both. `ends` holds the least and the
    most of depths and of forces, not finite where some points are not.
    """
    for row in range(len(f)):
        d, y = x[row if len(x) > 1 else 0], f[row]
        first, reach, low, top = ends[row]
        n = y.size
        if not (abs(first) + abs(reach) + abs(low) + abs(top) < np.inf):
            first, reach, low, top, n = extremes(d, y)
        found[row, 4], found[row, 5] = 0.0, reach
        if n < 6:
            found[row, 4] = _NO_DATA
            continue
        held = max(-low, 0.0) if sticks else 0.0
        # Some hundreds of points say enough of where to start.
        stride = max(1, n // _LOOKED_AT)
        squares, pairs = 0.0, 0
        high_x, high_y, high_n, low_x, low_y, low_n = 0.0, 0.0, 0, 0.0, 0.0, 0
        for i in range(0, y.size - 1, stride):
            value = y[i] + held
            if not (y[i] - y[i] == 0.0 and d[i] - d[i] == 0.0):
                continue
            if y[i] < 0.3 * top and y[i + 1] < 0.3 * top:
                squares += (y[i + 1] - y[i]) ** 2
                pairs += 1
            if value > 0.8 * (top + held):
                high_x += d[i]
                high_y += value
                high_n += 1
            elif 0.2 * (top + held) < value < 0.4 * (top + held):
                low_x += d[i]
                low_y += value
                low_n += 1
        noise = math.sqrt(0.5 * squares / pairs) if pairs > 3 else 0.0
        if not (top > _SEEN * noise and top > 0.0):
            found[row, 4] = _NO_DATA
            continue
        if stays_at(y, top):
            found[row, 4] = _INVALID
            continue
        if high_n == 0:
            high_x, high_y, high_n = reach, top + held, 1
        high_x, high_y = high_x / high_n, high_y / high_n
        contact = 0.0 if fixed else first
        if low_n > 0 and not fixed:
            low_x, low_y = low_x / low_n, low_y / low_n
            ratio = (high_y / low_y) ** (1.0 / exponent)
            contact = (high_x - ratio * low_x) / (1.0 - ratio)
            if not contact < high_x:
                contact = first
        found[row, 0], found[row, 1], found[row, 2] = high_x, high_y, contact
        found[row, 3] = held
        if weights.size > 0:
            depth = max(high_x - contact, 1e-300)
            steep = softness * exponent * high_y / depth
            own = weights[row]
            for i in range(y.size):
                part = max((d[i] - contact) / depth, 0.0)
                rise = math.sqrt(part) if exponent == 1.5 else part
                own[i] = 1.0 / (1.0 + steep * rise) ** 2
