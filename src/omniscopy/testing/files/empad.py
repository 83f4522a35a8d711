"""Write EMPAD data: a description, and frames with two rows of notes."""

from pathlib import Path

import numpy as np


def write_empad(
    path: str | Path,
    frames: np.ndarray,
    *,
    scan: tuple[int, int] | None = None,
    field: tuple[float, float] = (4e-6, 3e-6),
    angle: float = 4e-4,
) -> Path:
    """Write a scan or a series of frames.

    Parameters
    ----------
    path : path
        The description (.xml); the frames are written beside it (.raw).
    frames : ndarray, shape (frames, 128, 128)
        Become 4-byte floating point.
    scan : (rows, columns), optional
        Of the scan; a series where left out.
    field : (width, height), m
        That the scan is of.
    angle : float, rad
        A pixel of the detector.

    Returns
    -------
    Path
        The description.
    """
    path = Path(path)
    raw = path.with_suffix(".raw")
    noted = np.zeros((len(frames), 130, 128), "<f4")
    noted[:, :128] = frames
    noted[:, 128:] = -1.0
    raw.write_bytes(noted.tobytes())
    what = (
        f"<type>scan</type><pix_x>{scan[1]}</pix_x><pix_y>{scan[0]}</pix_y>"
        if scan
        else f"<type>series</type><count>{len(frames)}</count>"
    )
    path.write_text(
        '<root name="acquisition_1"><timestamp timestamp="1559820600.16" '
        'isoformat="2019-06-06T13:30:00.164675"/><software_version>0.51</software_version>'
        f'{what}<raw_file filename="{raw.name}"/><exposure_time>1</exposure_time>'
        "<iom_measurements><optics.get_cameralength>0.7225</optics.get_cameralength>"
        "<source.get_voltage>300000.0</source.get_voltage>"
        f"<optics.get_full_scan_field_of_view>[{field[0]}, {field[1]}]"
        "</optics.get_full_scan_field_of_view>"
        f"<calibrated_diffraction_angle>{angle}</calibrated_diffraction_angle>"
        "</iom_measurements></root>"
    )
    return path
