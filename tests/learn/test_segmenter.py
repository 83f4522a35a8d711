"""Segmentation: nets, losses, alterations, tiles and masks."""

import dask.array as da
import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.exceptions import NotFittedError

from omniscopy.learn import (
    Augmentation,
    Segmenter,
    combine,
    export_onnx,
    load,
    masks_from_positions,
    random_patches,
    renumber,
)
from omniscopy.learn.devices import generator_of, seeded
from omniscopy.learn.losses import segmentation_loss
from omniscopy.learn.nets.segmentation import segmentation_net
from omniscopy.learn.tiling import apply_tiled
from omniscopy.model import DataError, history
from omniscopy.simulate import atom_scene, true_atoms


def plane(values: np.ndarray) -> xr.DataArray:
    dims = ("frame", "y", "x")[-values.ndim :]
    coords = {
        dim: xr.Variable(dim, np.arange(float(n)), {"units": "1" if dim == "frame" else "nm"})
        for dim, n in zip(dims, values.shape, strict=True)
    }
    return xr.DataArray(values, coords, dims, attrs={"units": "counts"})


def squares(count: int = 12, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Return images with a bright and a brighter square, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.zeros((count, size, size), np.int64)
    for each in labels:
        for kind in (1, 2):
            y, x = rng.integers(0, size - 8, 2)
            each[y : y + 8, x : x + 8] = kind
    return labels + rng.normal(0, 0.1, labels.shape), labels


@pytest.mark.parametrize(
    ("architecture", "filters", "parameters"),
    [
        ("unet", 16, 0.594e6),
        ("dilated", 4, None),
        ("segresnet", 4, None),
        ("reshednet", 4, None),
        ("cells", 4, None),
    ],
)
def test_nets_give_scores_of_every_pixel(architecture, filters, parameters):
    with seeded(0):
        net = segmentation_net(architecture, 1, 3, filters, dropout=False).eval()
        image = torch.randn((2, 1, 16, 24))
    with torch.no_grad():
        assert net(image).shape == (2, 3, 16, 24)
    if parameters is not None:
        count = sum(each.numel() for each in net.parameters())
        assert count == pytest.approx(parameters, rel=0.01)


@pytest.mark.parametrize("loss", ["ce", "focal", "dice", "bce"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_right_scores_lose_least_for_any_number_of_channels(loss, channels):
    labels = torch.arange(max(channels, 2)).repeat(2, 4, 1)
    maps = torch.stack([labels == n for n in range(channels)], 1).float()
    wanted = labels
    if channels == 1:
        maps = maps[:, :1] * 0 + labels[:, None].float()
    if loss == "bce" and channels > 1:
        wanted = maps.long()
    right = 8.0 * (2 * maps - 1)
    values = [float(segmentation_loss(s, wanted, loss)) for s in (right, 0 * right, -right)]
    assert values[0] < 0.01
    assert values[0] < values[1] < values[2]


def test_two_channels_are_a_background_and_a_class():
    scores = torch.tensor([[[[0.0]], [[2.0]]]])
    label = torch.tensor([[[1]]])
    expected = np.log1p(np.exp(-2.0))
    assert float(segmentation_loss(scores, label, "ce")) == pytest.approx(expected)
    assert float(segmentation_loss(scores[:, 1:], label, "ce")) == pytest.approx(expected)


def test_the_focal_loss_looks_at_each_pixel_on_its_own():
    scores = torch.tensor([[[[3.0, -3.0]]]])
    wanted = torch.tensor([[[1, 1]]])
    p = 1 / (1 + np.exp(-np.array([3.0, -3.0])))
    expected = np.mean(0.5 * (1 - p) ** 2 * -np.log(p))
    assert float(segmentation_loss(scores, wanted, "focal")) == pytest.approx(expected, rel=1e-5)


def test_a_class_that_is_absent_does_not_count_as_missed():
    labels = torch.zeros((1, 4, 4), dtype=torch.int64)
    scores = torch.stack([torch.full((1, 4, 4), 30.0)] + 2 * [torch.full((1, 4, 4), -30.0)], 1)
    assert float(segmentation_loss(scores, labels, "dice")) < 1e-3


@pytest.fixture(scope="module")
def model():
    images, labels = squares()
    # Plane enough to be learnt in seconds.
    return Segmenter(classes=2, filters=4).fit(
        images, labels, epochs=25, batch_size=4, learning_rate=2e-2, seed=1
    )


def test_classes_are_learnt_and_named(model):
    images, labels = squares(3)
    found = model.predict(plane(images))
    assert found["label"].dims == ("frame", "y", "x")
    assert found["probability"].dims == ("frame", "class", "y", "x")
    assert model.score(plane(images), labels) > 0.8
    step = history(found["label"])[-1]
    assert step.operation == "learn.Segmenter.predict"
    assert step.parameters["model"] == model.digest


def test_results_do_not_depend_on_companions_chunks_or_types(model):
    images, _ = squares(3)
    images[1] *= 100.0
    whole = model.predict(plane(images))
    alone = model.predict(plane(images[0]))
    np.testing.assert_allclose(whole["probability"][0], alone["probability"], atol=1e-5)
    lazy = model.predict(plane(da.from_array(images, chunks=(2, 16, 32))))
    assert lazy["label"].chunks is not None
    np.testing.assert_allclose(lazy["probability"], whole["probability"], atol=1e-5)
    swapped = model.predict(plane(images[0].astype(">f4")))
    np.testing.assert_allclose(swapped["probability"], alone["probability"], atol=1e-3)
    turned = model.predict(plane(images[0]).transpose("x", "y"))
    np.testing.assert_allclose(
        turned["probability"].transpose(*alone["probability"].dims), alone["probability"],
        atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (33, 47)])
def test_images_of_any_size_are_named(model, shape):
    found = model.predict(plane(np.random.default_rng(0).normal(size=shape)))
    assert found["label"].shape == shape
    assert np.isfinite(found["probability"]).all()


def test_missing_pixels_have_no_probability_and_constant_images_an_answer(model):
    images, _ = squares(1)
    images[0, :4] = np.nan
    found = model.predict(plane(images[0]))
    assert np.isnan(found["probability"][:, :4]).all()
    assert np.isfinite(found["probability"][:, 4:]).all()
    for flat in (np.zeros((16, 16)), np.full((16, 16), np.nan)):
        assert model.predict(plane(flat))["label"].shape == (16, 16)


def test_what_is_no_image_of_real_numbers_is_refused(model):
    for values in (np.full((8, 8), 1j), np.full((8, 8), "a")):
        with pytest.raises(DataError, match="expected real numbers"):
            model.predict(plane(values))
    assert model.predict(plane(np.eye(8) > 0))["label"].shape == (8, 8)


def test_a_model_is_saved_with_its_settings(model, tmp_path):
    found = load(model.save(tmp_path / "model"))
    assert found.get_params() == model.get_params()
    images, _ = squares(1)
    np.testing.assert_array_equal(
        found.predict(plane(images[0]))["label"], model.predict(plane(images[0]))["label"]
    )


@pytest.mark.slow
def test_a_segmenter_is_exported(model, tmp_path):
    assert export_onnx(model, tmp_path / "net.onnx").stat().st_size > 1000


def test_images_are_altered_in_a_way_of_ones_own():
    seen = []

    def darker(images, masks, *, generator):
        seen.append(float(images.mean()))
        part = 0.5 + 0.5 * torch.rand((len(images), 1, 1, 1), generator=generator)
        return part * images, masks

    images, labels = squares(6)
    models = [
        Segmenter(classes=2, filters=4).fit(images, labels, epochs=1, augmentation=darker, seed=2)
        for _ in range(2)
    ]
    assert seen
    assert models[0].digest == models[1].digest


def test_pixels_may_be_of_several_classes():
    images, labels = squares(6)
    maps = np.stack([labels > 0, labels == 2], 1)
    model = Segmenter(classes=2, filters=4, loss="bce").fit(images, maps, epochs=2)
    assert model.channels == 2
    assert model.predict(plane(images[0]))["probability"].sizes["class"] == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, x, y: m.fit(x, y + 1), "from 0, the background"),
        (lambda m, x, y: m.fit(x, y - 1), "from 0, the background"),
        (lambda m, x, y: m.fit(x, y[:2]), "masks must be of shape"),
        (lambda m, x, y: m.fit(x[:, :30], y[:, :30]), "multiples of 8"),
        (lambda m, x, y: m.fit(x[0, 0], y[0, 0]), "expected images"),
        (lambda m, x, y: m.set_params(loss="mse").fit(x, y), "loss must be one of"),
        (lambda m, x, y: m.set_params(classes=0).fit(x, y * 0), "classes must be at least 1"),
        (lambda m, x, y: m.set_params(architecture="v").fit(x, y), "architecture must be"),
    ],
)
def test_wrong_calls_are_refused(call, words):
    images, labels = squares(4)
    with pytest.raises(DataError, match=words):
        call(Segmenter(classes=2, filters=4), images, labels)


def test_nothing_is_predicted_before_something_is_learnt():
    with pytest.raises(NotFittedError, match="learnt nothing yet"):
        Segmenter().predict(plane(np.zeros((8, 8))))


@pytest.mark.parametrize("cell", [1, 2])
@pytest.mark.parametrize("shape", [(40, 40), (37, 71), (129, 24)])
def test_tiles_are_blended_without_a_seam(cell, shape):
    def blur(x):
        padded = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
        return torch.nn.functional.avg_pool2d(padded, 5, stride=1)[:, :, ::cell, ::cell]

    image = torch.randn((1, *shape), generator=generator_of(1))
    whole = apply_tiled(blur, image, block=8, cell=cell, tile=1024)
    tiled = apply_tiled(blur, image, block=8, cell=cell, tile=32, overlap=8)
    assert tiled.shape == whole.shape
    inner = (slice(None), slice(3, -6), slice(3, -6))
    # Beside a seam, blended answers differ only by what each tile mirrors at its own edge.
    assert float((tiled - whole)[inner].abs().max()) < 1.0
    constant = apply_tiled(blur, torch.ones((1, *shape)), block=8, cell=cell, tile=32, overlap=8)
    assert torch.allclose(constant, torch.ones_like(constant), atol=1e-6)


def test_alterations_are_drawn_from_the_generator_alone():
    images, labels = (torch.from_numpy(each) for each in squares(4))
    images = images[:, None].float()
    kept = images.clone()
    every = Augmentation.usual()
    one = every(images, labels, generator=generator_of(3))
    other = every(images, labels, generator=generator_of(3))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], every(images, labels, generator=generator_of(4))[0])
    assert torch.equal(images, kept)
    assert one[0].shape == images.shape
    assert one[1].dtype == torch.int64


def test_masks_are_turned_with_their_images():
    labels = torch.arange(8 * 8).reshape(1, 8, 8).repeat(64, 1, 1)
    images = labels[:, None].float()
    turned, masks = Augmentation()(images, labels, generator=generator_of(0))
    assert torch.equal(turned[:, 0].long(), masks)
    # Each of the eight ways comes.
    assert len({tuple(each.flatten().tolist()) for each in masks}) == 8
    oblong, masks = Augmentation()(images[..., :6], labels[..., :6], generator=generator_of(0))
    assert torch.equal(oblong[:, 0].long(), masks)


def test_zoomed_masks_stay_labels_and_sizes_may_change():
    images, labels = (torch.from_numpy(each) for each in squares(4))
    zoomed = Augmentation(rotation=False, zoom=0.5)(
        images[:, None].float(), labels, generator=generator_of(0)
    )
    assert set(zoomed[1].unique().tolist()) <= {0, 1, 2}
    resized = Augmentation(rotation=False, resize=(1.5, 1.5))(
        images[:, None].float(), labels, generator=generator_of(0)
    )
    assert resized[0].shape == (4, 1, 48, 48)
    assert resized[1].shape == (4, 48, 48)


def test_noise_is_as_strong_as_said():
    flat = torch.full((8, 1, 64, 64), 0.5)
    noisy = Augmentation(rotation=False, noise=(0.1, 0.1))(flat, generator=generator_of(0))[0]
    assert float(noisy.std()) == pytest.approx(0.1, rel=0.03)
    counted = Augmentation(rotation=False, counts=(50, 50))(flat, generator=generator_of(0))[0]
    assert float(counted.std()) == pytest.approx(np.sqrt(0.5 / 50), rel=0.03)
    assert float(counted.mean()) == pytest.approx(0.5, rel=0.01)
    peppered = Augmentation(rotation=False, salt_and_pepper=(0.2, 0.2))(
        flat, generator=generator_of(0)
    )[0]
    assert float((peppered != 0.5).float().mean()) == pytest.approx(0.2, rel=0.05)


def test_masks_are_drawn_about_positions():
    image = atom_scene((48, 56), spacing=0.14)
    atoms = true_atoms(image)
    masks = masks_from_positions(image, atoms, 0.03)
    assert masks.shape == image.shape
    inside = atoms.where((atoms["y"] < 0.44) & (atoms["x"] < 0.52), drop=True)
    values = masks.sel(y=inside["y"], x=inside["x"], method="nearest")
    assert (values == inside["kind"] + 1).all()
    area = float((masks > 0).sum()) / atoms.sizes["atom"]
    assert area == pytest.approx(np.pi * 9, rel=0.2)
    with pytest.raises(DataError, match="radius must be above 0"):
        masks_from_positions(image, atoms, 0.0)
    assert not masks_from_positions(image, atoms.isel(atom=slice(0)), 0.03).any()


def test_labels_are_renumbered_and_combined():
    labels, numbers = renumber(np.array([[3, 7], [9, 3]], dtype=">i2"))
    np.testing.assert_array_equal(labels, [[0, 1], [2, 0]])
    assert numbers == {3: 0, 7: 1, 9: 2}
    np.testing.assert_array_equal(combine(np.array([0, 1, 2, 3]), [[2, 3], [1]]), [0, 2, 1, 1])
    with pytest.raises(DataError, match="one group"):
        combine(np.array([0, 1]), [[1], [1]])
    with pytest.raises(DataError, match="labels must be integers"):
        renumber(np.array([0.5]))


def test_patches_hold_what_is_asked_for():
    images, labels = squares(3)
    one = random_patches(images, labels, 16, count=5, least={2: 0.1}, rng=2)
    other = random_patches(images, labels, 16, count=5, least={2: 0.1}, rng=2)
    np.testing.assert_array_equal(one[0], other[0])
    assert one[0].shape == (5, 16, 16)
    assert ((one[1] == 2).mean(axis=(1, 2)) >= 0.1).all()
    with pytest.raises(DataError, match="cannot be cut"):
        random_patches(images, labels, 64)
    with pytest.raises(DataError, match="no part"):
        random_patches(images, labels, 16, count=2, least={2: 0.9})
    with pytest.raises(DataError, match="same shape"):
        random_patches(images, labels[:1], 16)
