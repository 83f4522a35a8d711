"""Read single spectra of Bruker's programs."""

from pathlib import Path
from xml.etree import ElementTree

from omniscopy.io.bruker_spx.spectra import (
    described,
    energy_axis,
    instances,
    modality,
    parse_document,
    read_counts,
    spectrum_metadata,
)
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Channel, Measurement


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - half an XML is none
    """Read a spectrum of Bruker Esprit or of a fluorescence instrument.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Has no effect: an XML document that is cut short is refused.

    Returns
    -------
    Measurement
        A channel for each spectrum, a fitted background too, along `energy` in keV where the
        file has its calibration.

    Raises
    ------
    FormatError
        The file is damaged, or the counts are not as many as it says.
    """
    path = Path(path)
    root = parse_document(path, path.read_bytes())
    found = instances(root, "TRTSpectrum")
    if not found:
        message = "there is no spectrum in the document; the file is damaged"
        raise FormatError(message, path=path, key="TRTSpectrum")
    return Measurement(channels=[_channel(path, element) for element in found])


def _channel(path: Path, element: ElementTree.Element) -> Channel:
    counts = read_counts(path, element)
    return Channel(
        title=element.get("Name") or path.stem,
        data=counts,
        axes=[energy_axis(element, counts.size)],
        quantity="intensity",
        units="counts",
        modality=modality(element),
        source="Bruker",
        metadata=spectrum_metadata(element),
        original_metadata=described(element, without=("Channels",)),
    )
