"""What is true of a page in every state: it fits, it can be read, it asks nobody else for anything."""

from urllib.parse import urlsplit

from tests.pages.chromium import Tab

CONTRAST_MIN = 4.5
"""What WCAG 2.2 asks of ordinary text at level AA."""

_HARD_TO_READ = """
(() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).slice(0, 3).map(c => c / 255).map(
      c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (parts(colour).length === 3) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const says = [...element.childNodes].some(each => each.nodeType === 3 && each.data.trim());
    if (!says || !element.checkVisibility() || ["SCRIPT", "NOSCRIPT"].includes(element.tagName)) continue;
    const one = light(getComputedStyle(element).color), other = light(behind(element));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < CONTRAST_MIN) found.push(`${element.tagName} ${ratio.toFixed(2)} ${element.textContent.slice(0, 40)}`);
  }
  return found;
})()
""".replace("CONTRAST_MIN", str(CONTRAST_MIN))

_HEADINGS = "[...document.querySelectorAll('h1, h2, h3')].map(each => each.tagName)"
_NAMES_THE_COLOURS = (
    "[...document.querySelectorAll('.word, .bad')]"
    ".every(each => each.textContent.trim() && getComputedStyle(each, '::before').content !== 'none')"
)
_RUNS_OVER = (
    "[...document.querySelectorAll('.answer, .tiles div, .facts div, .wide li, .about p')]"
    ".filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"
)
_WIDER_THAN_THE_SCREEN = (
    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
)


async def is_sound(tab: Tab, url: str) -> None:
    """Fails with what is wrong of the page that is shown."""
    ours = urlsplit(url).netloc
    hosts = {urlsplit(each).netloc for each in tab.requests if not each.startswith("data:")}
    assert hosts == {ours}
    assert tab.complaints == []
    assert await tab.read(_WIDER_THAN_THE_SCREEN) == 0
    assert await tab.read(_RUNS_OVER) == []
    headings = await tab.read(_HEADINGS)
    assert headings[0] == "H1"
    assert headings.count("H1") == 1
    assert await tab.read(_NAMES_THE_COLOURS)
    for scheme in ("dark", "light"):
        await tab.dress(scheme)
        assert await tab.read(_HARD_TO_READ) == []
