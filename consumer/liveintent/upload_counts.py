"""What LiveIntent counted of a finished upload, beside what we sent. Pure."""

from dataclasses import dataclass

from consumer.liveintent.shapes import UploadEntry


@dataclass(frozen=True, slots=True)
class UploadCounts:
    """Rows of one file. LiveIntent names none of those it refused; it only counts them."""

    rows: int
    """Those we sent."""
    uploaded: int
    invalid: int
    duplicates: int
    """LiveIntent's estimate."""

    @property
    def are_ours(self) -> bool:
        """Whether they come to the rows we sent.

        LiveIntent does not document whether those uploaded include the invalid ones, or the duplicates.
        """
        extra = (0, self.invalid, self.duplicates, self.invalid + self.duplicates)
        return self.rows in {self.uploaded + more for more in extra}

    @property
    def missing(self) -> int:
        """Rows that are in none of the counts."""
        return max(self.rows - self.uploaded - self.invalid - self.duplicates, 0)


def counts_of(entry: UploadEntry, *, rows: int) -> UploadCounts:
    """LiveIntent's counts of an upload of so many rows; one below zero counts as none."""
    return UploadCounts(
        rows, max(entry.uploaded, 0), max(entry.invalid, 0), max(entry.duplicates, 0)
    )
