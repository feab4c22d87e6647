"""Writes README.md's tables anew from the code: python -m tests.repo.update_readme"""

from tests.repo.readme_tables import README, with_tables

if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
