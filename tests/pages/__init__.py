"""The pages, looked at in a real browser."""
