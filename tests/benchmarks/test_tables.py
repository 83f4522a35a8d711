"""What is kept of earlier packages beside their races."""

from tests.benchmarks.conftest import environments


def test_versions_of_readers_and_why_an_environment_is_missing_are_told(tmp_path):
    for name, version in (("SciFiReaders", "0.12.7"), ("numpy", "2.4.6")):
        place = tmp_path / f".venv-peers/lib/python3.11/site-packages/{name}-{version}.dist-info"
        place.mkdir(parents=True)
        (place / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    for name, said in (("abtem", ""), ("stemtool", "no version\nof x | y\n")):
        (tmp_path / f".venv-peer-{name}").mkdir()
        (tmp_path / f".venv-peer-{name}" / "error").write_text(said)
    assert environments(tmp_path) == [
        "| SciFiReaders | SciFiReaders 0.12.7, numpy 2.4.6 |",
        "| stemtool | cannot be made: no version of x / y |",
    ]
