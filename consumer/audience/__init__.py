"""The domain: members, changes, versions, lanes. No input or output, no clock."""
