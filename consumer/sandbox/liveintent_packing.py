"""Unpacks stored files by the name their signed URL was asked for with.

LiveIntent's former API took .txt, .csv and .zip; of gzip nothing is known.
"""

import gzip
import io
import zipfile
import zlib


def unpacked(body: bytes, upload_name: str | None) -> bytes:
    """The rows of a file. What its name promises and it is not stays as it is, and so is no row of anything."""
    name = (upload_name or "").lower()
    try:
        if name.endswith(".gz"):
            return gzip.decompress(body)
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                return b"".join(archive.read(member) for member in archive.namelist())
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        return body
    return body
