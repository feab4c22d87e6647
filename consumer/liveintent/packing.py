"""How a file is packed before it is stored. Pure."""

import gzip
import io
import zipfile
from typing import Final

from consumer.choices import UploadCompression

# Of all levels it costs least for what it saves: hashes are random, and become half as large whatever is done.
_LEVEL: Final = 1


def packed(content: bytes, compression: UploadCompression, *, extension: str) -> bytes:
    """The bytes to store; the same for the same content. `extension` is that of the file inside an archive.

    Takes a second for the largest files: not for an event loop.
    """
    match compression:
        case UploadCompression.NONE:
            return content
        case UploadCompression.GZIP:
            return gzip.compress(content, _LEVEL, mtime=0)
        case UploadCompression.ZIP:
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as file:
                file.writestr(zipfile.ZipInfo(f"rows{extension}"), content, zipfile.ZIP_DEFLATED)
            return archive.getvalue()


def packed_extension(extension: str, compression: UploadCompression) -> str:
    """How the name of a file ends that is packed so."""
    match compression:
        case UploadCompression.NONE:
            return extension
        case UploadCompression.GZIP:
            return f"{extension}.gz"
        case UploadCompression.ZIP:
            return ".zip"
