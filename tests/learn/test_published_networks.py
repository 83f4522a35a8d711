"""Weights of other packages: the same maps, and nothing of their files is executed."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import load_file, save_file
from torch.nn import functional

from omniscopy.io import FormatError
from omniscopy.learn import import_atomai, load
from omniscopy.learn.devices import generator_of
from omniscopy.model import DataError

WEIGHTS = "data/atoms/reference_weights"


def picture(size: int = 64) -> torch.Tensor:
    return torch.rand((1, 1, size, size), generator=generator_of(0))


def conv(t: dict, name: str, x: torch.Tensor, dilation: int = 1) -> torch.Tensor:
    weight = t[f"{name}.weight"]
    return functional.conv2d(
        x, weight, t[f"{name}.bias"], padding=dilation * (weight.shape[-1] // 2), dilation=dilation
    )


def up(t: dict, name: str, x: torch.Tensor) -> torch.Tensor:
    wide = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return conv(t, f"{name}.conv", wide)


def cubic(t: dict, x: torch.Tensor) -> torch.Tensor:
    """Return what the published residual network gives, layer by layer."""

    def residual(x, part):
        for number in range(2):
            name = f"{part}.res_module.{number}"
            x = conv(t, f"{name}.c0", x)
            out = functional.leaky_relu(conv(t, f"{name}.c1", x), 0.01)
            x = functional.leaky_relu(conv(t, f"{name}.c2", out) + x, 0.01)
        return x

    c1 = functional.leaky_relu(conv(t, "c1.block.0", x), 0.01)
    c2 = residual(functional.max_pool2d(c1, 2), "c2")
    x = residual(functional.max_pool2d(c2, 2), "bn")
    x = residual(torch.cat([c2, up(t, "upsample_block1", x)], 1), "c3")
    x = torch.cat([c1, up(t, "upsample_block2", x)], 1)
    return conv(t, "px", functional.leaky_relu(conv(t, "c4.block.0", x), 0.01))


def ferronet(t: dict, x: torch.Tensor) -> torch.Tensor:
    """Return what the published network with dilated convolutions gives."""

    def block(x, *names):
        for name in names:
            x = functional.leaky_relu(conv(t, f"{name}.block.0", x), 0.01)
        return x

    c1 = block(x, "c1")
    c2 = block(functional.max_pool2d(c1, 2), "c2.0", "c2.1")
    c3 = block(functional.max_pool2d(c2, 2), "c3.0", "c3.1")
    x, total = functional.max_pool2d(c3, 2), 0
    for number, wide in zip((0, 3, 6), (2, 4, 6), strict=True):
        x = conv(t, f"bn.atrous_module.{number}", x, wide)
        total = total + 2 * x  # the convolution, and the same after dropout
        x = functional.leaky_relu(x, 0.01)
        total = total + x
    x = block(torch.cat([c3, up(t, "upsample_block1", total)], 1), "c4.0", "c4.1")
    x = block(torch.cat([c2, up(t, "upsample_block2", x)], 1), "c5.0", "c5.1")
    return conv(t, "px", block(torch.cat([c1, up(t, "upsample_block3", x)], 1), "c6"))


def sniffer(t: dict, x: torch.Tensor) -> torch.Tensor:
    """Return what the published finder of defects gives."""

    def step(x, part, name, number):
        x = conv(t, f"{part}.{name}", x)
        n = f"{part}.bn{number}"
        x = functional.batch_norm(
            x, t[f"{n}.running_mean"], t[f"{n}.running_var"], t[f"{n}.weight"], t[f"{n}.bias"]
        )
        return functional.relu(x)

    def double(x):
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    x = functional.max_pool2d(step(x, "encoder", "c1", 1), 2)
    x = functional.max_pool2d(step(step(x, "encoder", "c2", 2), "encoder", "c3", 3), 2)
    x = double(step(step(x, "decoder", "d1", 1), "decoder", "d2", 2))
    return conv(t, "last_layer", double(step(x, "decoder", "d3", 3)))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "reference"),
    [("cubic_resatomsegnet", cubic), ("bfo_ts0_ferronet", ferronet), ("defect_sniffer", sniffer)],
)
def test_published_weights_give_the_published_maps(name, reference, shared, tmp_path):
    path = shared / WEIGHTS / f"{name}.safetensors"
    model = import_atomai(path)
    with torch.no_grad():
        wanted = reference(load_file(path), picture())
        found = model.net_(picture())
    assert float((found - wanted).abs().max()) <= 1e-5 * max(1.0, float(wanted.abs().max()))
    again = load(model.save(tmp_path / "model"))
    with torch.no_grad():
        torch.testing.assert_close(again.net_(picture()), found, rtol=0, atol=0)


@pytest.mark.shared
def test_the_published_network_for_cubic_lattices_finds_atoms(shared):
    from scipy import ndimage

    scene = np.load(shared / "data/atoms/simulated_truth/square_dose50_0.npz")
    counts = scene["counts"].astype(float)
    image = xr.DataArray(
        counts, dims=("y", "x"), coords={"y": np.arange(256.0), "x": np.arange(256.0)}
    )
    model = import_atomai(shared / WEIGHTS / "cubic_resatomsegnet.safetensors")
    share = model.predict(image)["probability"].isel({"class": 0}).values
    labels, count = ndimage.label(share > 0.5)
    found = np.array(ndimage.center_of_mass(share > 0.5, labels, range(1, count + 1)))
    inside = ((found > 8) & (found < 247)).all(1)
    truth = scene["rc"][((scene["rc"] > 8) & (scene["rc"] < 247)).all(1)]
    away = np.linalg.norm(found[inside][:, None] - scene["rc"], axis=-1).min(1)
    near = away < 0.4 * float(scene["nn_px"])
    recall = (
        np.linalg.norm(truth[:, None] - found, axis=-1).min(1) < 0.4 * float(scene["nn_px"])
    ).mean()
    assert 2 * near.mean() * recall / (near.mean() + recall) >= 0.99


def small_unet() -> dict[str, torch.Tensor]:
    """Return weights with the names of a U-Net of atomAI, of two filters and without dropout."""
    made: dict[str, torch.Tensor] = {}
    generator = generator_of(5)

    def put(name, inputs, outputs, size, norm=None):
        made[f"{name}.weight"] = torch.randn(outputs, inputs, size, size, generator=generator) / 3
        made[f"{name}.bias"] = torch.randn(outputs, generator=generator)
        if norm is not None:
            made[f"{norm}.weight"] = torch.rand(outputs, generator=generator) + 0.5
            made[f"{norm}.bias"] = torch.randn(outputs, generator=generator)
            made[f"{norm}.running_mean"] = torch.randn(outputs, generator=generator)
            made[f"{norm}.running_var"] = torch.rand(outputs, generator=generator) + 0.5
            made[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    blocks = {"c1": (1, 2, 1), "c2": (2, 4, 2), "c3": (4, 8, 2), "bn": (8, 16, 3),
              "c4": (16, 8, 2), "c5": (8, 4, 2), "c6": (4, 2, 1)}  # fmt: skip
    for name, (inputs, outputs, layers) in blocks.items():
        for n in range(layers):
            first = inputs if n == 0 else outputs
            put(f"{name}.block.{3 * n}", first, outputs, 3, f"{name}.block.{3 * n + 2}")
    for n, (inputs, outputs) in enumerate(((16, 8), (8, 4), (4, 2)), start=1):
        put(f"upsample_block{n}.conv", inputs, outputs, 1)
    put("px", 2, 3, 1)
    return made


def test_checkpoints_of_tensors_and_settings_are_read(tmp_path):
    weights = small_unet()
    torch.save({"weights": weights, "model": "Unet", "nb_classes": 3}, tmp_path / "net.tar")
    torch.save(weights, tmp_path / "net.pt")
    save_file(weights, tmp_path / "net.safetensors")
    models = [import_atomai(tmp_path / f"net.{each}") for each in ("tar", "pt", "safetensors")]
    with torch.no_grad():
        made = [model.net_(picture(16)) for model in models]
        t, x = weights, picture(16)

        def block(x, name):
            layers = sum(key.startswith(f"{name}.block") and key.endswith("tracked") for key in t)
            for n in range(layers):
                x = functional.leaky_relu(conv(t, f"{name}.block.{3 * n}", x), 0.01)
                k = f"{name}.block.{3 * n + 2}"
                x = functional.batch_norm(
                    x, t[f"{k}.running_mean"], t[f"{k}.running_var"], t[f"{k}.weight"],
                    t[f"{k}.bias"],
                )  # fmt: skip
            return x

        c1 = block(x, "c1")
        c2 = block(functional.max_pool2d(c1, 2), "c2")
        c3 = block(functional.max_pool2d(c2, 2), "c3")
        x = block(functional.max_pool2d(c3, 2), "bn")
        for n, before in enumerate((c3, c2, c1), start=1):
            x = block(torch.cat([before, up(t, f"upsample_block{n}", x)], 1), f"c{n + 3}")
        wanted = conv(t, "px", x)
    for each in made:
        torch.testing.assert_close(each, wanted, rtol=1e-4, atol=1e-5)
    assert models[0].about_["nb_classes"] == 3


def test_maps_are_labelled_and_of_each_image_alone(tmp_path):
    save_file(small_unet(), tmp_path / "net.safetensors")
    model = import_atomai(tmp_path / "net.safetensors")
    values = np.random.default_rng(0).random((2, 19, 21))
    values[1] *= 50
    images = xr.DataArray(
        values, dims=("frame", "y", "x"), coords={"y": np.arange(19.0), "x": np.arange(21.0)}
    )
    found = model.predict(images)["probability"]
    assert found.dims == ("frame", "class", "y", "x")
    np.testing.assert_allclose(found.sum("class"), 1, rtol=1e-5)
    np.testing.assert_allclose(model.predict(images[:1])["probability"], found[:1], atol=1e-6)
    lazy = model.predict(images.chunk(frame=1))["probability"]
    np.testing.assert_allclose(lazy, found, atol=1e-6)
    flat = model.predict(images * 0 + 3)["probability"]
    assert np.isfinite(flat).all()


class Evil:
    def __reduce__(self):
        return (Path("evil-was-here").touch, ())


def test_files_that_have_to_be_unpickled_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": small_unet(), "optimizer": Evil()}, tmp_path / "net.tar")
    Path("net.pkl").write_bytes(pickle.dumps(Evil()))
    for name in ("net.tar", "net.pkl"):
        with pytest.raises(FormatError, match="unpickled may run anything"):
            import_atomai(tmp_path / name)
    assert not Path("evil-was-here").exists()


def test_files_of_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there"):
        import_atomai(tmp_path / "none.pt")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="damaged"):
        import_atomai(tmp_path / "bad.safetensors")
    save_file({"layer.weight": torch.ones(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="belong to none"):
        import_atomai(tmp_path / "other.safetensors")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(FormatError, match="tensors by their names"):
        import_atomai(tmp_path / "list.pt")
    cut = {name: each for name, each in small_unet().items() if not name.startswith("c4")}
    save_file(cut, tmp_path / "cut.safetensors")
    model = import_atomai(tmp_path / "cut.safetensors")
    assert model is not None
