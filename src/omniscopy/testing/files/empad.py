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
    later: bool = False,
    searched: tuple[int, int] | None = None,
    raw_name: str | None = None,
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
    later : bool
        Describe a scan as programs from version 1.2 on do.
    searched : (rows, columns), optional
        Of the scan to search with, in later programs; that of `scan` is the one to record.
    raw_name : str, optional
        Name of the file of frames.

    Returns
    -------
    Path
        The description.
    """
    path = Path(path)
    raw = path.with_name(raw_name or f"{path.stem}.raw")
    noted = np.zeros((len(frames), 130, 128), "<f4")
    noted[:, :128] = frames
    noted[:, 128:] = -1.0
    raw.write_bytes(noted.tobytes())
    if later and scan is not None:
        path.write_text(_later(scan, searched or scan, raw.name, field), "utf-8")
        return path
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
        "</iom_measurements></root>",
        "utf-8",
    )
    return path


def _later(
    scan: tuple[int, int], searched: tuple[int, int], raw: str, field: tuple[float, float]
) -> str:
    scans = "".join(
        f'<scan_parameters mode="{mode}"><scan_size>0.6</scan_size>'
        f"<scan_resolution_y>{rows}</scan_resolution_y>"
        f"<scan_resolution_x>{columns}</scan_resolution_x></scan_parameters>"
        for mode, (rows, columns) in (("search", searched), ("acquire", scan))
    )
    width = max(field) * 0.72
    return (
        '<root name="a"><timestamp timestamp="1774471672.58" isoformat="2026-03-25T16:47:52.58"/>'
        f'<software_version>1.2.2</software_version><raw_file filename="{raw}"/>'
        f"<exposure_time>1</exposure_time>{scans}<temperature_controller>"
        "<temperature_value>-5.00</temperature_value></temperature_controller><iom_measurements>"
        "<scan_rotation>0.5</scan_rotation><full_scan_field_of_view>"
        f"<scale_factor>0.72</scale_factor><x>{width}</x><y>{width}</y></full_scan_field_of_view>"
        "<nominal_camera_length>0.369</nominal_camera_length><high_voltage>200000.0</high_voltage>"
        "</iom_measurements></root>"
    )
