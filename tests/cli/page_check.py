"""Reads a story's page as people do, in a headless Chromium: page_check.py PAGE.html [SIZE,... [FOLDER-FOR-SCREENSHOTS]]

Says what is wrong, a line each; exit 1 then."""

import base64
import pathlib
import re
import socket
import sys

import chromium

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append("%s: got %r, expected %r" % (what, got, wanted))


# What axe-core calls image-alt, html-has-lang, page-has-heading-one, document-title, button-name, color-contrast (AA,
# and as if all text were small), scrollable-region-focusable; and that nothing is wider than the window.
ACCESSIBLE = r"""(() => {
  const wrong = [], rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const light = (color) => color.slice(0, 3).map((c) => c / 255).map((c) =>
    c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const paper = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.getAttribute("aria-disabled") === "true") continue;
    ++seen;
    for (const part of ["", "::after", "::first-letter"]) {
      const ratio = contrast(rgb(getComputedStyle(element, part).color), paper(element));
      if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)} of <${element.localName}${part}> ${element.textContent.slice(0, 20)}`);
    }
  }
  if (!seen) wrong.push("no text");
  for (const figure of document.querySelectorAll("figcaption"))
    if (contrast(rgb(getComputedStyle(figure, "::after").color), paper(figure)) < 4.5) wrong.push("contrast of a page number");
  for (const image of document.images) {
    if (!image.alt.trim()) wrong.push("no alt");
    if (!image.complete || !image.naturalWidth) wrong.push("a picture that does not show");
  }
  for (const button of document.querySelectorAll("button, a, input, [tabindex]"))
    if (!(button.getAttribute("aria-label") || button.textContent).trim()) wrong.push("a control without a name");
  for (const button of document.querySelectorAll("button"))
    if (Math.min(button.offsetWidth, button.offsetHeight) < 44) wrong.push("a button too small for a thumb");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (!document.documentElement.lang) wrong.push("no lang");
  if (!document.title.trim()) wrong.push("no title");
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the window");
  for (const figure of document.querySelectorAll("figure, .cover div"))
    if (figure.scrollWidth > figure.clientWidth + 1) wrong.push("text beside the paper");
  return wrong;
})()"""

# The element in the middle of the window says which page is open.
OPEN = r"""[...document.querySelector("main").children].indexOf(
  document.elementFromPoint(innerWidth / 2, innerHeight / 2 - 40)?.closest("section"))"""


def turning_pages(browser, last):
    browser.call("Page.bringToFront")
    expect("page at first", browser.value(OPEN), 0)
    for key, page in (("ArrowRight", 1), ("PageDown", 2), ("ArrowLeft", 1), ("PageUp", 0), ("ArrowLeft", 0),
                      ("End", last), ("ArrowRight", last), ("Home", 0)):
        browser.press(key)
        expect("page after " + key, browser.eventually(OPEN, page), page)
    where = "document.querySelector('nav output').textContent"
    expect("place on the cover", browser.value(where), "Cover")
    browser.press("ArrowRight")
    expect("place", browser.value(where), "1 of %d" % last)
    # With the keyboard alone: to the button for the next page, and press it.
    name = "document.activeElement.getAttribute('aria-label')"
    for _ in range(6):
        if browser.value(name) == "Next page":
            break
        browser.press("Tab")
    expect("Tab comes to", browser.value(name), "Next page")
    expect("its outline", browser.value("getComputedStyle(document.activeElement).outlineStyle"), "solid")
    browser.press("Enter")
    expect("page after the button", browser.eventually(OPEN, 2), 2)
    # Where the window changes its shape the page stays open.
    browser.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    expect("page in another window", browser.eventually(OPEN, 2), 2)


def swiping(browser):
    browser.swipe(330, 60, 300)
    expect("page after a swipe", browser.eventually(OPEN, 1), 1)
    expect("place after a swipe", browser.eventually("document.querySelector('nav output').textContent[0]", "1"), "1")
    browser.swipe(60, 330, 300)
    expect("page after a swipe back", browser.eventually(OPEN, 0), 0)


def outsiders(browser):
    """What a text would do if it came through the escapes after all: the policy stops it, and no server hears of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        refused = browser.value(r"""new Promise((done) => {
          const refused = new Set();
          document.addEventListener("securitypolicyviolation", (event) => {
            refused.add(event.effectiveDirective);
            if (refused.size === 4) done([...refused].sort());
          });
          setTimeout(() => done([...refused].sort()), 5000);
          document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:%d/a.png' style='color: red'>" +
            "<img src='data:,' onerror='window.hacked = 1'>");
          const script = document.createElement("script");
          script.textContent = "window.hacked = 1";
          document.body.append(script);
        })""" % server.getsockname()[1])
        expect("what the policy refuses", refused, ["img-src", "script-src-attr", "script-src-elem", "style-src-attr"])
        expect("hacked", browser.value("window.hacked === undefined"), True)
        server.settimeout(0.5)
        try:
            failures.append("a server was asked by %s" % (server.accept()[1],))
        except TimeoutError:
            pass


def main(page, sizes="phone,tablet,desktop", folder=None):
    url = pathlib.Path(page).resolve().as_uri()
    with chromium.Chromium() as browser:
        for name in sizes.split(","):
            width, height = SIZES[name]
            for dark in (False, True):
                at = "%s, %s" % (name, "dark" if dark else "light")
                browser.open(url, width, height, dark=dark)
                for wrong in browser.value(ACCESSIBLE):
                    failures.append("%s: %s" % (at, wrong))
                last = browser.value("document.querySelectorAll('figure').length")
                if folder:
                    browser.screenshot(pathlib.Path(folder) / ("%s%s-cover.png" % (name, "-dark" if dark else "")))
                    browser.press("ArrowRight")
                    browser.eventually(OPEN, 1)
                    browser.screenshot(pathlib.Path(folder) / ("%s%s-spread.png" % (name, "-dark" if dark else "")))
                    browser.press("Home")
                    browser.eventually(OPEN, 0)
                if not dark and name == "desktop":
                    turning_pages(browser, last)
                elif not dark and name == "phone":
                    swiping(browser)
                expect(at + ": network requests", browser.requests(), [])
                expect(at + ": errors", [e["params"] for e in browser.events if e["method"] in
                                         ("Log.entryAdded", "Runtime.exceptionThrown")], [])
        outsiders(browser)

        browser.open(url, *SIZES["desktop"], script=False)
        expect("buttons without script", browser.value("document.querySelectorAll('button').length"), 0)
        expect("what cannot be scrolled to without script", browser.value(r"""
            [...document.querySelectorAll("h1, img, figcaption p")].filter((e) => { const box = e.getBoundingClientRect();
              return !box.height || box.left < 0 || box.right > innerWidth || box.top < 0 ||
                     box.bottom > document.documentElement.scrollHeight; }).length"""), 0)
        expect("network requests without script", browser.requests(), [])
        paper = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
        expect("pages on paper", len(re.findall(rb"/Type\s*/Page\b", paper)), last + 1)


try:
    main(*sys.argv[1:])
finally:
    print("".join(line + "\n" for line in failures), end="")
sys.exit(1 if failures else 0)
