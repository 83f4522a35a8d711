"""The harness for coverage-guided damage, without what guides it."""

import numpy as np
import pytest
from tests.fuzz.harness import target

from omniscopy.testing import formats
from omniscopy.testing.files.mrc import write_mrc


def test_the_harness_opens_bytes_as_the_format_that_it_is_for(tmp_path, monkeypatch):
    write_mrc(tmp_path / "sound.mrc", np.ones((1, 4, 5), np.int16), cell=(5.0, 4.0, 1.0))
    sound = (tmp_path / "sound.mrc").read_bytes()
    formats.read_measurement(tmp_path / "sound.mrc")  # the time of imports is not that of a file
    target("mrc", tmp_path)(sound)
    target("mrc", tmp_path)(b"nothing of the kind")

    def broken(*_args, **_options):
        raise LookupError(sound[:4])

    monkeypatch.setattr(formats, "read_measurement", broken)
    with pytest.raises(LookupError):
        target("mrc", tmp_path)(sound)
