"""What looks like the URL of a bucket, and is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pictures import picture
from support.program import make, thumbnailer

from thumbnailer import ConfigError, Settings, iter_thumbnails

SAID = {
    "gcs://bucket/photos": "write gs://bucket/folder",
    "S3://bucket/photos": "write s3://bucket/folder",
    "abfss://bucket/photos": "write az://bucket/folder",
    "r2://bucket/photos": "the address of the service as the endpoint",
    "https://example.org/a.jpg?signature=secret": "web addresses are not read",
    "file:///photos": "a folder is named by its path alone",
    "ftp://user:secret@example.org/photos": "these are s3://, gs:// and az://",
}


@pytest.mark.parametrize("url", SAID)
def test_it_is_refused_as_an_output_and_nothing_is_written(
    url: str, photos: Path, tmp_path: Path
) -> None:
    picture(photos / "a.jpg")
    here = tmp_path / "here"
    here.mkdir()
    run = thumbnailer("make", photos, "--output", url, cwd=here)
    assert run.code == 2
    assert run.err.count("\n") == 1
    assert SAID[url] in run.err
    assert "secret" not in run.err
    assert not list(here.iterdir())
    with pytest.raises(ConfigError, match="is not the scheme of a bucket"):
        Settings(output=url)


@pytest.mark.few(2)
@pytest.mark.parametrize("url", SAID)
@pytest.mark.parametrize(
    "command", ["make", "watch", "status", "verify", "gallery", "explain", "prune", "clean"]
)
def test_it_is_refused_as_a_source(command: str, url: str, tmp_path: Path) -> None:
    run = thumbnailer(command, url, cwd=tmp_path)
    assert run.code == 1
    assert run.err.count("\n") == 1
    assert SAID[url] in run.err
    assert "secret" not in run.err
    assert "either" not in run.err, "no folder is looked for"


def test_in_a_list_it_is_one_failure(photos: Path) -> None:
    path = picture(photos / "a.jpg")
    url = "https://example.org/a.jpg"
    found = {outcome.source.path: outcome for outcome in iter_thumbnails([url, str(path)])}
    assert found[str(path)].status == "made"
    assert found[url].status == "failed"
    assert "web addresses are not read" in str(found[url].error)


def test_a_folder_that_is_there_is_taken_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gcs:" / "photos"
    try:
        folder.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system has no such names")
    picture(folder / "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert make("gcs://photos").statuses == {"a.jpg": "made"}
    assert (folder / "thumbs" / "a.jpg").exists()
