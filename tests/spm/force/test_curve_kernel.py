"""The compiled passes over curves against plain NumPy."""

import numpy as np
import pytest

from omniscopy import simulate, spm
from omniscopy.spm.force import curve_kernel


def test_baselines_are_those_of_a_plain_fit():
    data = simulate.force_map((3, 4), noise=0.05)
    found = spm.fit_baseline(data)
    z = data["z"].values
    far = z >= z.max() - 0.4 * (z.max() - z.min())
    for row in np.ndindex(3, 4):
        (tilt, offset), covariance = np.polyfit(
            z[far] - z[far].mean(), data.values[row][far], 1, cov=True
        )
        np.testing.assert_allclose(found["tilt"].values[row], tilt, rtol=1e-8)
        np.testing.assert_allclose(found["offset"].values[row], offset, rtol=1e-8)
        deviations = found["tilt_std"].values[row], found["offset_std"].values[row]
        np.testing.assert_allclose(deviations, np.sqrt(np.diag(covariance)), rtol=1e-8)


def test_an_offset_alone_is_the_mean():
    data = simulate.force_map((2, 2), noise=0.05, tilt=0.0)
    found = spm.fit_baseline(data, degree=0)
    z = data["z"].values
    far = data.values[..., z >= z.max() - 0.4 * (z.max() - z.min())]
    np.testing.assert_allclose(found["offset"], far.mean(axis=-1), rtol=1e-12)
    expected = far.std(axis=-1, ddof=1) / np.sqrt(far.shape[-1])
    np.testing.assert_allclose(found["offset_std"], expected, rtol=1e-9)
    assert (found["tilt"] == 0).all()


def test_curves_are_put_in_order_from_far_to_near():
    z, f = np.arange(10.0), np.arange(10.0)[::-1].copy()
    travel, force = np.empty(10), np.empty(10)
    count, direction, status = curve_kernel.in_order(z, f, travel, force)
    assert (count, direction, status) == (10, -1.0, 0.0)
    np.testing.assert_array_equal(travel, -z[::-1])
    np.testing.assert_array_equal(force, f[::-1])


def plain_baseline(s, f, fraction):
    """Return the force without the line through the far part, with its noise and that part."""
    far = s <= s[0] + fraction * (s[-1] - s[0])
    slope, offset = np.polyfit(s[far] - s[far].mean(), f[far], 1)
    line = offset + slope * (s - s[far].mean())
    return f - line, np.sqrt(((f - line)[far] ** 2).sum() / (far.sum() - 2)), far


def plain_contact(s, f, method, fraction, threshold):
    """Return the place of the contact by the same rule, written with arrays."""
    g, noise, _ = plain_baseline(s, f, fraction)
    at = int(np.argmax(g))
    if method == 0:
        low = np.flatnonzero(g[: at + 1] <= threshold * noise)
        return s[low[-1]]
    if method == 1:
        line = np.interp(s[: at + 1], s[[0, at]], g[[0, at]])
        return s[np.argmax(line - g[: at + 1])]
    n, half = len(s), max(1, len(s) // 50)
    smooth = np.array([g[max(i - half, 0) : i + half + 1].mean() for i in range(n)])
    rise = smooth[2 * half :] - smooth[: n - 2 * half]
    last = min(at, n - half - 1)
    flat = np.flatnonzero(rise[: last - half + 1] <= 0.01 * rise.max())
    return s[half + flat[-1]] if flat.size else s[half]


@pytest.mark.parametrize("method", [0, 1, 2])
def test_contacts_are_those_of_the_rules_in_arrays(method):
    data = simulate.force_map((3, 4), points=300, noise=0.03)
    z, f = data["z"].values[None], data.values.reshape(12, -1)
    found = np.full((12, 4), np.nan)
    curve_kernel.contacts(z, f, method, 0.4, 3.0, found)
    assert (found[:, 1] == -1.0).all()
    expected = [-plain_contact(-z[0], row, method, 0.4, 3.0) for row in f]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-12)
    noise = [plain_baseline(-z[0], row, 0.4)[1] for row in f]
    np.testing.assert_allclose(found[:, 2], noise, rtol=1e-9)


def test_attractions_are_those_of_plain_arrays():
    data = simulate.force_map((2, 3), points=400, part="retract", adhesion=1.5, noise=0.02)
    z, f = data["z"].values, data.values.reshape(6, -1)
    found = np.full((6, 6), np.nan)
    curve_kernel.attractions(z[None], f, 0.3, found)
    order = np.argsort(-z)
    s = -z[order]
    for row, own in zip(f, found, strict=True):
        g, noise, _ = plain_baseline(s, row[order], 0.3)
        at = int(np.argmin(g))
        part = slice(at, at + 8)
        line = np.polyfit(s[part] - s[at], g[part], 1)
        np.testing.assert_allclose(own[0], -line[1], rtol=1e-8)
        np.testing.assert_allclose(own[2], -s[at])
        first = at
        while first > 0 and g[first] < -noise:
            first -= 1
        last = at + np.argmax(g[at:] >= 0)
        area = -np.trapezoid(np.minimum(g[first : last + 1], 0), s[first : last + 1])
        np.testing.assert_allclose(own[3], area, rtol=1e-8)


def test_clipped_points_are_the_longest_run_of_the_largest():
    values = np.array([0.0, 3, 3, 3, 3, 3, 1, 3, 3, 2])
    runs = "".join("1" if each else "0" for each in values == values.max()).split("0")
    assert curve_kernel.clipped_from(values, len(values)) == max(map(len, runs))
    assert curve_kernel.clipped_from(np.arange(9.0), 9) == 0


def test_starts_are_those_of_the_points_that_are_finite():
    depth = np.linspace(-1e-7, 4e-7, 200)
    force = 1e-9 * np.maximum(depth / 4e-7, 0.0) ** 1.5
    pierced_depth, pierced_force = (
        np.append(depth, [9e-7, np.nan]),
        np.append(force, [np.nan, 5e-9]),
    )
    starts = []
    for x, y in ((depth, force), (pierced_depth, pierced_force)):
        found, ends = np.full((1, 6), np.nan), np.array([[x.min(), x.max(), y.min(), y.max()]])
        curve_kernel.indentation_starts(
            x[None], y[None], ends, 1.5, False, False, 0.0, found, np.empty((0, x.size))
        )
        starts.append(found[0])
    np.testing.assert_allclose(starts[1], starts[0], rtol=0.02)
    np.testing.assert_allclose(starts[0][5], 4e-7)
    assert starts[0][5] == starts[1][5]


def test_weights_of_indentations_feel_the_noise_of_the_depth():
    depth = np.linspace(-1e-7, 4e-7, 200)
    force = 1e-9 * np.maximum(depth / 4e-7, 0.0) ** 1.5
    found, weights = np.full((1, 6), np.nan), np.empty((1, 200))
    ends = np.array([[depth.min(), depth.max(), force.min(), force.max()]])
    curve_kernel.indentation_starts(
        depth[None], force[None], ends, 1.5, False, True, 20.0, found, weights
    )
    top_x, top_y, contact = found[0, :3]
    high = force > 0.8 * force.max()
    np.testing.assert_allclose(top_x, depth[:-1][high[:-1]].mean(), rtol=1e-9)
    np.testing.assert_allclose(top_y, force[:-1][high[:-1]].mean(), rtol=1e-9)
    assert contact == 0.0
    rise = np.sqrt(np.maximum(depth / top_x, 0.0))
    np.testing.assert_allclose(weights[0], 1 / (1 + 20.0 * 1.5 * top_y / top_x * rise) ** 2)
