"""What is done with energy losses when nobody says what to do."""

import numpy as np
import pytest

from omniscopy import eels, samples
from omniscopy.eels.defaults import edges_of_core_losses
from omniscopy.model import analyses_for, validate


def test_edges_that_are_seen_are_mapped_without_their_background():
    data = samples.core_loss()
    found = edges_of_core_losses(data)
    assert [title for title in found if title.startswith("Map")] == ["Map of Ti_L3", "Map of O_K"]
    mapped = found["Map of Ti_L3"]
    expected = eels.measure_windows(
        data, {"Ti": (455.5, 495.5)}, background=(390.0, 450.5)
    )["intensity"][..., 0]  # fmt: skip
    np.testing.assert_allclose(mapped, expected)
    assert mapped.attrs["units"] == "counts"
    assert validate(mapped) == []
    # Titanium is on the right, half of the oxygen's background is titanium's edge.
    assert float(mapped[:, -1].mean()) > 5 * abs(float(mapped[:, 0].mean()))


def test_a_spectrum_taken_out_of_a_map_has_the_analyses_of_a_spectrum():
    one = samples.core_loss()[1, 2]
    assert one.attrs["signal_type"] == "spectral_image"
    titles = [each.title for each in analyses_for(one)]
    assert "Edges" in titles
    assert not {"Sums", "Components"} & set(titles)
    assert not any(title.startswith("Map") for title in edges_of_core_losses(one))


@pytest.mark.parametrize("start", [1.0, 600.0])
def test_maps_need_edges_with_a_background_before_them(start):
    data = eels.simulate_spectrum(start=start, channels=300, background=1e4, exponent=2.0)
    found = edges_of_core_losses(
        data.expand_dims(x=3).assign_coords(x=data["energy_loss"][:3].values)
    )
    assert not any(title.startswith("Map") for title in found)
