"""Variational autoencoders: angles, shifts, scales and kinds that were put in come back."""

import numpy as np
import pytest
import torch
import xarray as xr

from omniscopy.learn import VAE, load
from omniscopy.learn.devices import generator_of
from omniscopy.learn.vae.losses import Bound
from omniscopy.learn.vae.networks import PoseVAE
from omniscopy.learn.vae.poses import Poses, turned
from omniscopy.model import DataError

STEP = 0.05


def axis(name: str, count: int, step: float = STEP) -> xr.Variable:
    values = step * (np.arange(count) - (count - 1) / 2)
    return xr.Variable((name,), values, {"units": "nm", "kind": "spatial", "role": "signal"})


def patches_of(values: np.ndarray) -> xr.DataArray:
    coords = {"y": axis("y", values.shape[-2]), "x": axis("x", values.shape[-1])}
    return xr.DataArray(values, dims=("point", "y", "x"), coords=coords, attrs={"units": "V"})


def objects(count: int = 200, size: int = 16, spread: float = 40.0, seed: int = 0):
    """Return patches of three spots about a centre, or two: turned from +x to +y, and shifted."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-spread, spread, count)
    shift = rng.normal(0, 0.6, (count, 2))
    kind = np.arange(count) % 2
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    made = []
    for turn, away, which in zip(np.deg2rad(angle), shift, kind, strict=True):
        spots = np.array([[0, 0], [0, 5], [4.0, -1.0]]) if which else np.array([[0, 0], [0, 5.0]])
        sine, cosine = np.sin(turn), np.cos(turn)
        spots = spots @ np.array([[cosine, -sine], [sine, cosine]]) + away
        made.append(sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * 1.5**2)) for a, b in spots))
    values = np.stack(made) + rng.normal(0, 0.03, (count, size, size))
    return patches_of(5.0 * values + 2.0), angle, STEP * shift, kind


def circular_correlation(one: np.ndarray, other: np.ndarray) -> float:
    a, b = np.deg2rad(one), np.deg2rad(other)
    a, b = (np.sin(each - np.angle(np.exp(1j * each).mean())) for each in (a, b))
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


@pytest.fixture(scope="module")
def learnt() -> tuple[VAE, xr.DataArray, np.ndarray, np.ndarray, np.ndarray]:
    data, angle, shift, kind = objects()
    model = VAE(rotation=30.0, translation=0.04, hidden=64, anchors=6, pixels=0.3)
    model.fit(data, epochs=24, batch_size=24, learning_rate=4e-3, progress=False)
    return model, data, angle, shift, kind


def test_angles_are_degrees_from_x_to_y_and_shifts_in_the_units_of_the_coordinates(learnt):
    model, data, angle, shift, _ = learnt
    found = model.transform(data)
    assert circular_correlation(found["angle"].values, angle) > 0.95
    slope = np.polyfit(angle, found["angle"].values, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.1)
    assert found["angle"].attrs["units"] == "deg"
    for axis_number, name in enumerate(("shift_y", "shift_x")):
        slope = np.polyfit(shift[:, axis_number], found[name].values, 1)[0]
        assert slope == pytest.approx(1.0, abs=0.15)
        assert np.std(found[name].values - shift[:, axis_number]) < 0.3 * STEP
        assert found[name].attrs["units"] == "nm"


def test_kinds_of_objects_are_told_apart_by_their_codes(learnt):
    from sklearn.linear_model import LogisticRegression

    model, data, *_, kind = learnt
    codes = model.transform(data)["latent"].values
    told = LogisticRegression(C=100).fit(codes[:100], kind[:100]).predict(codes[100:])
    assert (told == kind[100:]).mean() >= 0.97


def test_what_is_drawn_again_is_what_was_encoded(learnt):
    model, data, *_ = learnt
    codes = model.transform(data)
    drawn = model.inverse_transform(codes)
    assert drawn.dims == data.dims
    assert drawn.attrs["units"] == "V"
    root = np.sqrt(((drawn - data) ** 2).mean(("y", "x")))
    np.testing.assert_allclose(root, codes["residual"], rtol=1e-3)
    assert root.mean() < 0.4  # of spots of 5 V, in noise of 0.15 V


def test_a_code_does_not_depend_on_what_is_encoded_besides(learnt):
    model, data, *_ = learnt
    alone = model.transform(data[7:8])
    among = model.transform(data).isel(point=slice(7, 8))
    for name in ("angle", "latent", "shift_x"):
        np.testing.assert_allclose(alone[name], among[name], atol=2e-3)


def test_patches_with_nan_have_no_code_and_further_dimensions_are_kept(learnt):
    model, data, *_ = learnt
    holed = data[:6].copy(deep=True)
    holed[2, 3, 4] = np.nan
    cube = holed.values.reshape(2, 3, 16, 16)
    folded = xr.DataArray(cube, dims=("a", "b", "y", "x"), coords={"y": data.y, "x": data.x})
    found = model.transform(folded)
    assert found["angle"].dims == ("a", "b")
    assert found["status"].values.tolist() == [[0, 0, 4], [0, 0, 0]]
    assert np.isnan(found["angle"].values[0, 2])
    assert np.isnan(found["latent"].values[0, 2]).all()
    assert np.isfinite(found["angle"].values[1]).all()


def test_a_saved_model_gives_the_same_codes(learnt, tmp_path):
    model, data, *_ = learnt
    again = load(model.save(tmp_path / "model"))
    xr.testing.assert_equal(again.transform(data[:5]), model.transform(data[:5]))


def test_the_surroundings_of_all_pixels_are_encoded_at_their_middle(learnt):
    model, data, *_ = learnt
    image = np.zeros((20, 24), np.float32)
    image[2:18, 4:20] = data.values[1]
    wide = xr.DataArray(
        image, dims=("y", "x"),
        coords={"y": ("y", STEP * np.arange(20), {"units": "nm"}),
                "x": ("x", STEP * np.arange(24), {"units": "nm"})},
    )  # fmt: skip
    found = model.encode_image(wide)
    assert dict(found["angle"].sizes) == {"y": 5, "x": 9}
    assert float(found["y"][2]) == pytest.approx(STEP * 9.5)
    there = found.isel(y=2, x=4)
    alone = model.transform(data[1:2])["angle"].values[0]
    assert float(there["angle"]) == pytest.approx(alone, abs=0.1)


def test_a_manifold_shows_objects_that_are_not_turned(learnt):
    model, *_ = learnt
    plane = model.manifold(3)
    assert dict(plane.sizes) == {"latent_y": 3, "latent_x": 3, "y": 16, "x": 16}
    with pytest.raises(DataError, match="make no plane"):
        model.manifold(components=(0, 5))


def test_a_movie_shows_the_manifold_after_each_epoch():
    data, *_ = objects(40)
    model = VAE(rotation=30.0, hidden=16, anchors=3)
    model.fit(data, epochs=3, batch_size=20, movie=3, progress=False)
    assert dict(model.movie_.sizes) == {"epoch": 3, "y": 48, "x": 48}
    assert model.movie_["epoch"].values.tolist() == [1, 2, 3]
    assert model.movie_.attrs["units"] == "V"
    np.testing.assert_allclose(np.diff(model.movie_["y"]), STEP)
    # What was filmed is what was learnt, and filming changes nothing of it.
    other = VAE(rotation=30.0, hidden=16, anchors=3)
    other.fit(data, epochs=3, batch_size=20, progress=False)
    np.testing.assert_array_equal(other.history_["loss"], model.history_["loss"])
    assert other.digest == model.digest
    whole = VAE(hidden=16).fit(data, epochs=2, batch_size=20, movie=2, progress=False)
    last = whole.manifold(2)
    np.testing.assert_allclose(whole.movie_[-1, :16, 16:], last[0, 1], atol=1e-5)
    curves = xr.DataArray(
        np.random.default_rng(0).normal(size=(10, 8)), dims=("point", "energy_loss"),
        coords={"energy_loss": ("energy_loss", np.arange(8.0), {"units": "eV"})},
    )  # fmt: skip
    lines = VAE(latent_dim=1, hidden=8).fit(curves, epochs=2, movie=2, progress=False)
    assert lines.movie_.dims == ("epoch", "latent_y", "latent_x", "energy_loss")


def test_drawn_pixels_give_the_gradient_of_all_pixels_in_the_mean():
    data, *_ = objects(8)
    model = VAE(latent_dim=1, hidden=8, layers=1).fit(data, epochs=1, progress=False)
    net = model.net_.eval()  # nothing but pixels is drawn: codes have no variance
    torch.nn.init.zeros_(net.head.weight)
    net.head.bias.data = torch.tensor([0.0, -9.0])
    rows = torch.from_numpy(data.values.reshape(8, -1).astype(np.float32))
    labels = torch.full((8,), -1)

    def gradient(pixels: int, seed: int) -> torch.Tensor:
        net.zero_grad()
        Bound(pixels, 0, None, 0.0)(net, (rows, labels), generator_of(seed))["loss"].backward()
        return net.decoder.body[-1].weight.grad.clone()

    whole = gradient(256, 0)
    some = torch.stack([gradient(64, seed) for seed in range(60)])
    error = some.std(0) / np.sqrt(len(some))
    assert ((some.mean(0) - whole).abs() < 5 * error + 1e-3).all()


def test_poses_turn_from_x_to_y_then_shift():
    poses = Poses(axes=2, rotation=1.0, shift=0.5, scale=0.1, anchors=8)
    right = torch.tensor([[0.0, 1.0]])
    np.testing.assert_allclose(turned(right, torch.tensor([np.pi / 2])), [[1.0, 0.0]], atol=1e-6)
    pose = {"angle": torch.tensor([np.pi / 2]), "shift": torch.tensor([[0.1, 0.2]]),
            "scale": torch.tensor([2.0])}  # fmt: skip
    seen = turned(2 * right, torch.tensor([np.pi / 2])) + torch.tensor([[0.1, 0.2]])
    back = poses.to_object(seen[None].float(), {k: v.float() for k, v in pose.items()})
    np.testing.assert_allclose(back[0], right, atol=1e-6)


def test_shifts_and_widths_of_curves_come_back():
    rng = np.random.default_rng(1)
    shift, width = rng.normal(0, 4.0, 200), rng.uniform(3, 6, 200)
    energy = 0.5 * np.arange(64) + 100.0
    middle = 115.75 + 0.5 * shift[:, None]
    peak = np.exp(-(((energy - middle) / (0.5 * width[:, None])) ** 2))
    data = xr.DataArray(
        peak + rng.normal(0, 0.02, peak.shape), dims=("point", "energy_loss"),
        coords={"energy_loss": ("energy_loss", energy, {"units": "eV"})},
    )  # fmt: skip
    model = VAE(shift=2.0, latent_dim=1, hidden=64, pixels=0.5)
    model.fit(data, epochs=50, batch_size=40, learning_rate=4e-3, progress=False)
    found = model.transform(data)
    assert found["shift"].attrs["units"] == "eV"
    assert np.polyfit(0.5 * shift, found["shift"].values, 1)[0] == pytest.approx(1.0, abs=0.2)
    assert np.corrcoef(0.5 * shift, found["shift"])[0, 1] > 0.95
    assert abs(np.corrcoef(width, found["latent"][:, 0])[0, 1]) > 0.9


def test_scales_come_back():
    rng = np.random.default_rng(2)
    scale = np.exp(rng.normal(0, 0.15, 160))
    y, x = np.mgrid[:16, :16] - 7.5
    ring = np.exp(-((np.hypot(y, x)[None] / scale[:, None, None] - 4.0) ** 2) / 2)
    model = VAE(scale=0.15, latent_dim=0, hidden=64, pixels=0.5)
    model.fit(patches_of(ring), epochs=20, batch_size=40, learning_rate=4e-3, progress=False)
    found = model.transform(patches_of(ring))
    assert np.corrcoef(scale, found["scale"])[0, 1] > 0.98


def test_a_few_labels_name_all_patches():
    data, *_, kind = objects(160, spread=10.0)
    labels = np.where(np.arange(160) < 20, kind, -1)
    model = VAE(classes=2, hidden=64, pixels=0.5)
    model.fit(data, labels, epochs=20, batch_size=40, learning_rate=4e-3, progress=False)
    found = model.transform(data)
    assert (found["label"].values == kind).mean() > 0.95
    np.testing.assert_allclose(found["probability"].sum("category"), 1.0, rtol=1e-5)


def test_discrete_kinds_and_a_capacity_can_be_learnt():
    data, *_ = objects(40)
    model = VAE(discrete=(2, 3), rotation=True, capacity=(5.0, 30.0, 10))
    found = model.fit(data, epochs=1, progress=False).transform(data)
    assert found["probability_1"].sizes["category_1"] == 3
    assert set(np.unique(found["label"])) <= {0, 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shift": True, "rotation": True}, "for curves"),
        ({"rotation": -3.0}, "rotation must be"),
        ({"anchors": 1, "rotation": True}, "at least 3 anchors"),
        ({"pixels": 0.0}, "a part of the pixels"),
    ],
)
def test_settings_without_meaning_are_refused(settings, message):
    data, *_ = objects(6)
    with pytest.raises(DataError, match=message):
        VAE(**settings).fit(data, epochs=1, progress=False)


def test_data_that_do_not_fit_are_refused(learnt):
    model, data, *_ = learnt
    with pytest.raises(DataError, match="knows patches of"):
        model.transform(data[:, :12])
    with pytest.raises(DataError, match="at least 2 are needed"):
        VAE().fit(data * np.nan, progress=False)
    with pytest.raises(DataError, match="number of classes"):
        VAE().fit(data, np.zeros(len(data)), progress=False)
    with pytest.raises(DataError, match="labels must be from 0 to 1"):
        VAE(classes=2).fit(data, np.full(len(data), 2), progress=False)
    with pytest.raises(DataError, match="'latent' along 'component'"):
        model.inverse_transform(xr.Dataset())


def convolutional(shape: tuple[int, ...], rotation: float | None) -> PoseVAE:
    poses = Poses(len(shape), rotation, None, None, 4)
    half = max(shape) - 1
    return PoseVAE(
        shape, [(size - 1) / half for size in shape], poses, latent=2, categories=(), hidden=8,
        layers=2, mean=0.0, std=1.0, noise=None, convolutions=(True, True),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_convolutions_see_a_turned_object_at_its_anchor_as_one_that_is_not(turns):
    net = convolutional((12, 12), np.inf)
    image = torch.randn((1, 12, 12), generator=generator_of(0))
    # From +x (columns) towards +y (rows, down) is clockwise as it is shown.
    other = torch.rot90(image, -turns, (1, 2))
    seen, turned_back = net.features(image.flatten(1)), net.features(other.flatten(1))
    anchors = np.rad2deg(net.anchors.numpy()) % 360
    at = int(np.flatnonzero(np.isclose(anchors, 90 * turns, atol=1e-3))[0])
    none = int(np.flatnonzero(np.isclose(anchors, 0, atol=1e-3))[0])
    torch.testing.assert_close(turned_back[:, at], seen[:, none], atol=1e-5, rtol=1e-4)
    assert float((turned_back[:, none] - seen[:, none]).detach().abs().max()) > 1e-3


@pytest.mark.parametrize("shape", [(8, 12), (20,)])
def test_a_drawing_is_looked_up_where_it_is_asked_for(shape):
    net = convolutional(shape, None)
    code = torch.randn((3, 2), generator=generator_of(1))
    whole = net.decoder(net.points.expand(3, -1, -1), code).reshape(3, *shape)
    # Between two neighbours along the last axis is their mean.
    step = 2.0 / (max(shape) - 1)
    away = torch.zeros(len(shape))
    away[-1] = 0.5 * step
    between = net.decoder((net.points + away).expand(3, -1, -1), code).reshape(3, *shape)
    mean = 0.5 * (whole[..., :-1] + whole[..., 1:])
    torch.testing.assert_close(between[..., :-1], mean, atol=1e-5, rtol=1e-4)
    assert float(whole.detach().std()) > 1e-4
    assert float((whole[0] - whole[1]).detach().abs().max()) > 1e-4


@pytest.mark.parametrize("curves", [False, True])
def test_convolutions_learn_and_are_kept(curves, tmp_path):
    data, *_ = objects(60)
    settings = {"encoder": "convolutional", "decoder": "convolutional", "hidden": 16}
    if curves:
        data, settings = data[:, 8].drop_vars("y"), {**settings, "shift": 0.05}
    else:
        settings |= {"rotation": 30.0, "translation": 0.04, "anchors": 4}
    model = VAE(**settings).fit(data, epochs=10, batch_size=15, learning_rate=4e-3, progress=False)
    square = model.history_["square"].values
    assert square[-1] < 0.9 * square[0]
    again = load(model.save(tmp_path / "model"))
    found = again.transform(data)
    np.testing.assert_array_equal(found["latent"], model.transform(data)["latent"])
    drawn = model.inverse_transform(found)
    assert drawn.shape == data.shape
    with pytest.raises(DataError, match="encoder must be one of"):
        VAE(encoder="round").fit(data, progress=False)


def test_objects_without_codes_are_of_one_kind():
    from omniscopy.learn.vae.gauges import Gauge

    angles = np.random.default_rng(0).normal(0.3, 0.1, 200)
    gauge = Gauge(2, 0, 2)
    gauge.learn(np.zeros((200, 0)), angles, None, centred=True)
    assert gauge.angles.tolist() == pytest.approx([angles.mean()], abs=1e-3)
    turns, _ = gauge.at(torch.zeros(3, 0))
    assert turns.tolist() == pytest.approx([angles.mean()] * 3, abs=1e-3)
