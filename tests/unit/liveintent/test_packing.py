import gzip
import io
import zipfile

import pytest

from consumer.choices import UploadCompression
from consumer.liveintent.packing import packed, packed_extension
from consumer.sandbox.liveintent_packing import unpacked

ROWS = b"0cc175b9c0f1b6a831c399e269772661\n" * 1_000


def test_nothing_is_compressed_by_default() -> None:
    assert packed(ROWS, UploadCompression.NONE, extension=".txt") is ROWS
    assert packed_extension(".csv", UploadCompression.NONE) == ".csv"


def test_a_gzip_file_is_what_gzip_makes_and_says_nothing_of_when() -> None:
    file = packed(ROWS, UploadCompression.GZIP, extension=".txt")

    assert gzip.decompress(file) == ROWS
    assert file[4:8] == bytes(4), "no time in it: the same rows make the same file"
    assert packed_extension(".txt", UploadCompression.GZIP) == ".txt.gz"


def test_a_zip_file_holds_one_file_of_the_set_extension() -> None:
    file = packed(ROWS, UploadCompression.ZIP, extension=".csv")

    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.namelist() == ["rows.csv"]
        assert archive.read("rows.csv") == ROWS
    assert len(file) < len(ROWS) / 10
    assert file == packed(ROWS, UploadCompression.ZIP, extension=".csv")
    assert packed_extension(".csv", UploadCompression.ZIP) == ".zip"


@pytest.mark.parametrize("name", ["rows.txt.gz", "rows.ZIP"])
@pytest.mark.parametrize("body", [b"", b"\x1f\x8b", b"PK\x03\x04", ROWS])
def test_the_stand_in_leaves_what_is_not_packed_as_its_name_says(name: str, body: bytes) -> None:
    assert unpacked(body, name) == body


def test_the_stand_in_takes_a_file_without_a_name_as_it_is() -> None:
    assert unpacked(ROWS, None) is ROWS
