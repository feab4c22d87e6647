"""Make the pictures anew: the README's demo as SVG, the status page there and in docs/ as PNG (needs Chromium).

Both show the real program: a demo runs in a process of its own, and its status page is photographed while it runs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.pages import pictures

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=2",
    "--window-size=1280,900",
]


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    picture_of_the_demo()
    picture_of_the_status_page()
    pictures.main(PICTURES)


def picture_of_the_demo() -> None:
    command = [sys.executable, "-m", "consumer", "demo", "--once", "--events", "20000"]
    picture = PICTURES / "demo.svg"
    subprocess.run([*command, "--save-svg", str(picture)], check=True)
    # rich's template fetches a font from the web; a reader's own monospaced one does as well.
    picture.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture.read_text(), flags=re.DOTALL))


def picture_of_the_status_page() -> None:
    chromium = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if chromium is None:
        sys.exit("Chromium is needed for the picture of the status page (Debian: chromium).")
    demo = subprocess.Popen(
        [sys.executable, "-m", "consumer", "demo", "--events", "60000"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        url = _page_of(demo)
        time.sleep(6)  # a busy moment is worth more on a picture than the first
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(
                [
                    chromium,
                    *CHROMIUM_FLAGS,
                    f"--user-data-dir={profile}",
                    f"--screenshot={PICTURES / 'status.png'}",
                    url,
                ],
                check=True,
                stderr=subprocess.DEVNULL,
            )
    finally:
        demo.kill()
        demo.wait()


def _page_of(demo: subprocess.Popen[str]) -> str:
    if demo.stdout is None:
        sys.exit("the demo's output is not connected")
    for line in demo.stdout:
        if found := re.search(r"Status page (http://\S+)", line):
            return found.group(1)
    sys.exit("the demo ended without saying where its status page is")


if __name__ == "__main__":
    main()
