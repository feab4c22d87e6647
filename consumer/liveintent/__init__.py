"""Everything that knows LiveIntent's Audiences API."""
