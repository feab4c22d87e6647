"""Small, wrong changes to the correctness core. Each breaks one promise; some test must fail for it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutant:
    """One text of one file, which must be there exactly once, and what stands there instead.

    `tests` are the paths or names that are enough to see it.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied_to(self, root: Path) -> str:
        """The file's text with the mutation. Raises ValueError when the old text is not there exactly once."""
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            message = f"{self.name}: its text is {text.count(self.old)} times in {self.file}; bring the mutant up to date"
            raise ValueError(message)
        return text.replace(self.old, self.new)


_LEDGER = ("tests/unit/kafka/test_offset_ledger.py", "tests/properties/test_ledger_properties.py")
_LANES = (
    "tests/unit/audience",
    "tests/properties/test_lane_properties.py",
    "tests/properties/test_flush_queue_properties.py",
)
_DELIVERY = ("tests/unit/delivery", "tests/unit/test_pipeline.py", "tests/unit/test_refusals.py")
_OUTCOMES = ("tests/unit/liveintent/test_exchange.py", "tests/faults/test_liveintent_faults.py")
_UPLOADS = (
    "tests/unit/liveintent/test_uploader.py",
    "tests/unit/liveintent/test_upload_tracking.py",
    "tests/unit/liveintent/test_lease.py",
)
_DIRECTORY = (
    "tests/unit/liveintent/test_audience_choice.py",
    "tests/unit/liveintent/test_audience_directory.py",
    "tests/properties/test_directory_properties.py",
)
_RULES = (
    "tests/unit/segment/test_membership_rules.py",
    "tests/properties/test_membership_properties.py",
)

MUTANTS = (
    Mutant(
        "commit what was lost to somebody else",
        "consumer/kafka/rebalances.py",
        "            self._bridge.post(self._bridge.listener.on_lost, ids)\n",
        "            self._commit(_consumer, self._bridge.drain(ids))\n",
        (
            "tests/unit/kafka",
            "tests/contract/test_record_reader.py",
            "tests/faults/test_rebalances.py",
        ),
    ),
    Mutant(
        "commit the last finished record instead of the lowest unfinished one",
        "consumer/kafka/offset_ledger.py",
        "while self.entries and self.entries[0].record is None:",
        "while self.entries and self.unfinished >= 0:",
        _LEDGER,
    ),
    Mutant(
        "reckon the next offset by counting, as if offsets had no gaps",
        "consumer/kafka/offset_ledger.py",
        "self.watermark = CommitOffset(*self.id, last.next_offset, last.leader_epoch)",
        "before = self.watermark.offset if self.watermark else last.next_offset - freed\n"
        "            self.watermark = CommitOffset(*self.id, before + freed, last.leader_epoch)",
        _LEDGER,
    ),
    Mutant(
        "let results of a partition that left count",
        "consumer/kafka/offset_ledger.py",
        "        if entry.released:\n            return\n",
        "",
        _LEDGER,
    ),
    Mutant(
        "take records that were read under an assignment that is over",
        "consumer/kafka/offset_ledger.py",
        " or ledger.assignment != record.assignment:",
        ":",
        _LEDGER,
    ),
    Mutant(
        "finish a record with its first part",
        "consumer/kafka/offset_ledger.py",
        "if entry.parts_left == 0:",
        "if entry.record is not None:",
        _LEDGER,
    ),
    Mutant(
        "believe a late answer to a commit of an assignment that is over",
        "consumer/kafka/offset_ledger.py",
        "if ledger is not None and offset is ledger.offered:",
        "if ledger is not None:",
        _LEDGER,
    ),
    Mutant(
        "fold by arrival instead of by version",
        "consumer/audience/version.py",
        "    new, old = change.version, standing.version\n",
        "    return True\n    new, old = change.version, standing.version\n",
        _LANES,
    ),
    Mutant(
        "let an ADD win a tie across partitions",
        "consumer/audience/version.py",
        "return change.action is Action.REMOVE and standing.action is Action.ADD",
        "return change.action is Action.ADD and standing.action is Action.REMOVE",
        _LANES,
    ),
    Mutant(
        "allow two flushes of one lane at the same time",
        "consumer/audience/lanes.py",
        "        if lane.in_flight is not None:\n            return\n",
        "        if lane.in_flight is not None and lane.waiting_since is None:\n            return\n",
        (*_LANES, *_DELIVERY),
    ),
    Mutant(
        "let an audience with rows enough go before those that have waited longer",
        "consumer/audience/flush_queue.py",
        "return oldest.audience  # nobody who is full can be older",
        "return (full or oldest).audience",
        (*_LANES, *_DELIVERY),
    ),
    Mutant(
        "start every due flush at once, whether or not there is room",
        "consumer/delivery.py",
        "            room -= 1\n",
        "            room -= 0\n",
        _DELIVERY,
    ),
    Mutant(
        "remember a batch before it has succeeded",
        "consumer/delivery.py",
        "        try:\n            result = await self._uploader.send(batch, on_stored=on_stored)",
        "        lane.remember(batch)\n        try:\n"
        "            result = await self._uploader.send(batch, on_stored=on_stored)",
        _DELIVERY,
    ),
    Mutant(
        "forget which messages have been seen",
        "consumer/audience/lane.py",
        "            if change.message_id in known.message_ids:\n"
        "                return [(part, IgnoreReason.DUPLICATE)]\n",
        "",
        _LANES,
    ),
    Mutant(
        "send the ADDs of a flush before its REMOVEs",
        "consumer/audience/batch.py",
        "return [file for file in _FILE_ORDER if file in rows]",
        "return [file for file in reversed(_FILE_ORDER) if file in rows]",
        _LANES,
    ),
    Mutant(
        "send rows whose partition was taken away",
        "consumer/audience/batch.py",
        "value: pending for value, pending in self._by_value.items() if not belongs(pending.part)",
        "value: pending for value, pending in self._by_value.items()",
        (*_LANES, *_DELIVERY),
    ),
    Mutant(
        "finish a record before its dead letter is written",
        "consumer/refusals.py",
        "        await self._dead_letters.send(record, rejected, stage=stage",
        "        self._ledger.finish(entry, rejected)\n"
        "        await self._dead_letters.send(record, rejected, stage=stage",
        _DELIVERY,
    ),
    Mutant(
        "dead-letter on a 500",
        "consumer/liveintent/upload_outcome.py",
        "return status in {408, 425, 429} or status >= 500",
        "return status in {408, 425, 429}",
        _OUTCOMES,
    ),
    Mutant(
        "take a refused token for a refused batch",
        "consumer/liveintent/upload_outcome.py",
        "        return Unauthorised(str(_refused(answer)))",
        "        return _refused(answer)",
        _OUTCOMES,
    ),
    Mutant(
        "repeat a create whose outcome is unknown",
        "consumer/liveintent/upload_outcome.py",
        "    if operation is Operation.CREATE and sent:",
        "    if operation is Operation.CREATE and not sent:",
        (*_OUTCOMES, *_DIRECTORY),
    ),
    Mutant(
        "ignore Retry-After",
        "consumer/liveintent/exchange.py",
        "if wait > 0 and self._pacing[host].hold(wait, reason):",
        "if wait < 0 and self._pacing[host].hold(wait, reason):",
        _OUTCOMES,
    ),
    Mutant(
        "take any finished upload for ours",
        "consumer/liveintent/upload_tracking.py",
        "        and identity_of(entry) not in sought.known\n",
        "",
        _UPLOADS,
    ),
    Mutant(
        "call an upload done when it is stored",
        "consumer/liveintent/file_upload.py",
        "                    if trail.is_confirmed:\n                        self._on_stored()\n",
        "                    if trail.is_confirmed:\n                        self._on_stored()\n"
        "                        return None\n",
        _UPLOADS,
    ),
    Mutant(
        "send a file without a lease on its records",
        "consumer/liveintent/file_storing.py",
        "ours = await self._tools.lease.renew()",
        "ours = True",
        _UPLOADS,
    ),
    Mutant(
        "let a question from before a partition left prolong the lease",
        "consumer/kafka/group_lease.py",
        "if claim.term == self._term:",
        "if claim.term <= self._term:",
        ("tests/unit/kafka/test_group_lease.py",),
    ),
    Mutant(
        "use whichever audience of a name was found first",
        "consumer/liveintent/audience_choice.py",
        "return (row.created_at, row.id)",
        "return (row.name,)",
        _DIRECTORY,
    ),
    Mutant(
        "let missing consent stop a REMOVE",
        "consumer/segment/membership_rules.py",
        "    if claim.action is Action.ADD:  # whoever leaves needs nobody's consent\n",
        "    if claim.action in Action:\n",
        _RULES,
    ),
)
