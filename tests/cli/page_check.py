"""Reads a story's page as people do, in a headless Chromium: page_check.py PAGE.html [SIZE,... [FOLDER-FOR-SCREENSHOTS]]

Says what is wrong, a line each; exit 1 then."""

import base64
import pathlib
import re
import socket
import sys

import chromium

SIZES = {"phone": (390, 844), "lying-phone": (844, 390), "tablet": (820, 1180), "desktop": (1440, 900),
         "small-desktop": (1180, 820), "large-desktop": (1920, 1080)}
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
    for (const part of ["", "::first-letter"]) {
      const ratio = contrast(rgb(getComputedStyle(element, part).color), paper(element));
      if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)} of <${element.localName}${part}> ${element.textContent.slice(0, 20)}`);
    }
  }
  if (!seen) wrong.push("no text");
  for (const figure of document.querySelectorAll(".spread .text"))
    if (contrast(rgb(getComputedStyle(figure, "::after").color), paper(figure)) < 4.5) wrong.push("contrast of a page number");
  const ids = document.querySelectorAll("use[href='#picture']").length;
  if (ids !== 1 || document.querySelectorAll("image#picture").length !== 1) wrong.push("no picture on the cover");
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
  for (const figure of document.querySelectorAll(".sheet, .board, .text, h1"))
    if (figure.scrollWidth > figure.clientWidth + 1) wrong.push("text beside the paper");
  for (const plate of document.querySelectorAll(".plate")) {
    const box = plate.getBoundingClientRect();
    if (box.height < Math.min(200, innerHeight / 4) || box.width < 200) wrong.push("a picture without room");
  }
  for (const text of document.querySelectorAll("p"))
    if (text.scrollHeight > text.clientHeight + 12) wrong.push("words cut off");
  for (const text of document.querySelectorAll(".spread .text")) {
    const sheet = text.parentElement;
    if (sheet.scrollHeight > sheet.clientHeight + 1 && !/auto/.test(getComputedStyle(text).overflowY)) wrong.push("words below the paper");
  }
  return wrong;
})()"""

# The element in the middle of the window says which page is open.
OPEN = r"""[...document.querySelector("main").children].indexOf(
  document.elementFromPoint(innerWidth / 2, innerHeight / 2 - 40)?.closest("section"))"""


# From page to page by what people do.
PLACE = "document.querySelector('nav output').textContent"


def turning_pages(browser, last):
    browser.call("Page.bringToFront")
    expect("page at first", browser.value(OPEN), 0)
    for key, page in (("ArrowRight", 1), ("PageDown", 2), ("ArrowLeft", 1), ("PageUp", 0), ("ArrowLeft", 0), (" ", 1),
                      ("ArrowDown", 2), ("ArrowUp", 1), ("End", last), ("ArrowRight", last), ("Home", 0)):
        browser.press(key)
        expect("page after %r" % key, browser.eventually(OPEN, page), page)
    expect("place on the cover", browser.value(PLACE), "Cover")
    browser.press(" ")
    expect("place", browser.value(PLACE), "1 of %d" % (last - 1))
    browser.press(" ", modifiers=8)
    expect("page after Shift+Space", browser.eventually(OPEN, 0), 0)
    width = browser.value("innerWidth")
    browser.click(width - 20, 300)
    expect("page after a click on the right edge", browser.eventually(OPEN, 1), 1)
    browser.click(width / 2 + 60, 300)
    browser.click(20, 300)
    expect("page after clicks in the middle and on the left edge", browser.eventually(OPEN, 0), 0)
    browser.wheel(width / 2, 300, 120)
    expect("page after a notch of the wheel", browser.eventually(OPEN, 1), 1)
    browser.wheel(width / 2, 300, 100)
    browser.wheel(width / 2, 300, 100)
    expect("page after two more", browser.eventually(OPEN, 3), 3)
    browser.wheel(width / 2, 300, -120)
    expect("page after a notch back", browser.eventually(OPEN, 2), 2)
    for _ in range(10):
        browser.wheel(width / 2, 300, -13)
    expect("page after a gesture on a touchpad", browser.eventually(OPEN, 1), 1)
    browser.press("ArrowRight")
    button = browser.value("""(() => { const b = document.querySelector("[aria-label='Next page']").getBoundingClientRect();
                                       return [b.x + b.width / 2, b.y + b.height / 2]; })()""")
    browser.click(*button)
    expect("page after the button", browser.eventually(OPEN, 3), 3)
    browser.press(" ")
    expect("page after the button and Space", browser.eventually(OPEN, 4), 4)
    browser.press("ArrowLeft")
    browser.press("ArrowLeft")
    # Where the window changes its shape the page stays open.
    browser.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    expect("page in another window", browser.eventually(OPEN, 2), 2)
    expect("place in another window", browser.eventually(PLACE, "2 of %d" % (last - 1)), "2 of %d" % (last - 1))


def addresses(browser, url, last):
    """A reload stays, an address opens its page, and back goes where one came from by address."""
    def at(name, page):
        expect("page " + name, browser.eventually("document.readyState === 'complete' && " + OPEN, page), page)

    browser.open(url + "#99", *SIZES["desktop"])
    at("of #99 at first", last - 1)
    browser.open(url + "#3", *SIZES["desktop"])
    at("of #3", 3)
    browser.press("ArrowLeft")
    at("before it", 2)
    browser.events = []
    browser.call("Page.reload")
    browser.wait_for("Page.loadEventFired")
    at("after a reload", 2)
    browser.value("location.hash = '#4'")
    at("of #4", 4)
    browser.value("location.hash = '#99'")
    at("of #99", last - 1)
    browser.value("location.hash = '#nowhere'")
    at("of a name that is none", last - 1)
    browser.value("location.hash = '#4'")
    at("of #4 again", 4)
    browser.value("history.go(-4)")
    at("back", 2)
    browser.value("history.forward()")
    at("forward", 4)


def fast_presses(browser, url, last):
    """As many turns as presses, however slow the machine and whether or not the browser says when scrolling ends."""
    for rate in (6, 20):
        for scrollend in (True, False):
            browser.open(url, *SIZES["desktop"], reduced_motion=False,
                         before="" if scrollend else "delete window.onscrollend")
            browser.call("Page.bringToFront")
            browser.call("Emulation.setCPUThrottlingRate", rate=rate)
            at = "%d times slower, %s scrollend" % (rate, "with" if scrollend else "without")
            for key, page in (["ArrowRight"] * 4, 4), (["ArrowLeft", "ArrowLeft", " "], 3), (["ArrowLeft"] * 2, 1):
                for press in key:
                    browser.press(press)
                expect("place, " + at, browser.value(PLACE), "%d of %d" % (page, last - 1))
                expect("page, " + at, browser.eventually(OPEN, page), page)
                browser.value("new Promise((done) => setTimeout(done, 400))")
                expect("page later, " + at, (browser.value(OPEN), browser.value(PLACE)), (page, "%d of %d" % (page, last - 1)))
            browser.call("Emulation.setCPUThrottlingRate", rate=1)


def listening(browser):
    """One stop of Tab, with a name and an outline; each text is read once."""
    browser.call("Page.bringToFront")
    stops = []
    for _ in range(4):
        browser.press("Tab")
        stops.append(browser.value("document.activeElement.localName"))
    expect("stops of Tab", [stop for stop in stops if stop != "body"][:1] + sorted(set(stops) - {"body"}), ["main", "main"])
    browser.value("document.querySelector('main').focus()")
    browser.press("Tab", modifiers=8)
    browser.press("Tab")
    expect("its outline", browser.value("getComputedStyle(document.querySelector('main'), null).outlineStyle"), "solid")
    heard = browser.heard()
    names = [name for role, name in heard if role in ("main", "MainLandmark")]
    expect("name of the book", [name.split(":")[0] for name in names], ["Picture book"])
    texts = browser.value("[...document.querySelectorAll('.spread p')].map((p) => p.textContent)")
    for text in texts:
        times = sum(name.strip() == text.strip() for role, name in heard if role != "InlineTextBox")
        expect("how often %r is read" % text[:30], times, texts.count(text))
    expect("live regions", browser.value("document.querySelectorAll('output, [aria-live], [role=status]').length"), 1)
    expect("names of the pictures", [name for role, name in heard if role in ("image", "img")],
           ["Picture %d" % (i + 1) for i in range(len(texts))])


def type_sizes(browser, name):
    size = browser.value("parseFloat(getComputedStyle(document.querySelector('.spread:not(.long, .longer) p') || "
                         "document.body).fontSize)")
    least, most = {"phone": (20, 30), "lying-phone": (20, 26), "tablet": (28, 40)}.get(name, (36, 44))
    if browser.value("document.querySelector('.spread:not(.long, .longer) p') !== null") and not least <= size <= most:
        failures.append("%s: type of %g px, expected %g to %g" % (name, size, least, most))


# A title, and a text of usual length, that one has to scroll to read.
CUT = """[...document.querySelectorAll('h1, .spread:not(.long, .longer) .text')]
  .filter((box) => box.scrollHeight > box.clientHeight + 1).map((box) => box.textContent)"""


# What can be scrolled on fades out at its end, and nothing else does.
FADED = """[...document.querySelectorAll('h1, .sheet, .text')]
  .filter((box) => /auto/.test(getComputedStyle(box).overflowY))
  .filter((box) => (box.scrollHeight > box.clientHeight + 2) === (getComputedStyle(box).maskImage === 'none'))
  .map((box) => box.textContent.slice(0, 40))"""


def swiping(browser):
    browser.swipe(330, 60, 300)
    expect("page after a swipe", browser.eventually(OPEN, 1), 1)
    expect("place after a swipe", browser.eventually(PLACE + "[0]", "1"), "1")
    browser.swipe(60, 330, 300)
    expect("page after a swipe back", browser.eventually(OPEN, 0), 0)


def on_paper(browser, last):
    """A spread a page, on both common papers, whichever way the browser holds them; the cover keeps its cloth."""
    for name, width, height in ("A4", 8.27, 11.69), ("Letter", 8.5, 11):
        for css in (True, False):
            paper = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=css, paperWidth=width,
                                                  paperHeight=height, landscape=not css)["data"])
            expect("pages on %s" % name, len(re.findall(rb"/Type\s*/Page\b", paper)), last + 1)
            for box in re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", paper):
                expect("landscape on " + name, float(box[0]) > float(box[1]), True)
    browser.call("Emulation.setEmulatedMedia", media="print")
    size = browser.value("parseFloat(getComputedStyle(document.querySelector('code')).fontSize)")
    if size < 11 * 96 / 72 - 0.1:
        failures.append("the last page's command is printed in %g px" % size)
    for width, height, across, down in (1122, 793, 0.55, 0.85), (1056, 816, 0.55, 0.85), (793, 1122, 0.85, 0.6):
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        shares = browser.value("""(() => { const box = document.querySelector(".spread .plate").getBoundingClientRect();
            return [box.width / innerWidth, box.height / innerHeight]; })()""")
        if shares[0] < across or shares[1] < down:
            failures.append("the plate takes %s of paper of %dx%d" % (shares, width, height))
    expect("cloth in print", browser.value("getComputedStyle(document.querySelector('.board')).printColorAdjust"), "exact")
    expect("its colour", browser.value("getComputedStyle(document.querySelector('.board')).backgroundColor"), "rgb(123, 45, 38)")


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


def main(page, sizes="phone,lying-phone,tablet,desktop", folder=None):
    url = pathlib.Path(page).resolve().as_uri()
    with chromium.Chromium() as browser:
        for name in sizes.split(","):
            width, height = SIZES[name]
            for dark in (False, True):
                at = "%s, %s" % (name, "dark" if dark else "light")
                browser.open(url, width, height, dark=dark)
                for wrong in browser.value(ACCESSIBLE):
                    failures.append("%s: %s" % (at, wrong))
                last = browser.value("document.querySelector('main').children.length - 1")
                type_sizes(browser, name)
                expect("%s: texts that are cut" % name, browser.value(CUT), [])
                expect("%s: texts that go on below and do not say so" % at, browser.value(FADED), [])
                expect(at + ": words of the last page's command that are broken", browser.value(
                    "[...document.querySelectorAll('code span')].filter((word) => new Set([...word.getClientRects()]"
                    ".map((box) => Math.round(box.top / 8))).size > 1).map((word) => word.textContent)"), [])
                if folder:
                    browser.screenshot(pathlib.Path(folder) / ("%s%s-cover.png" % (name, "-dark" if dark else "")))
                    browser.press("ArrowRight")
                    browser.eventually(OPEN, 1)
                    browser.screenshot(pathlib.Path(folder) / ("%s%s-spread.png" % (name, "-dark" if dark else "")))
                    browser.press("Home")
                    browser.eventually(OPEN, 0)
                if not dark and name == "desktop":
                    if last > 5:
                        turning_pages(browser, last)
                elif not dark and name == "phone":
                    swiping(browser)
                expect(at + ": network requests", browser.requests(), [])
                expect(at + ": errors", [e["params"] for e in browser.events if e["method"] in
                                         ("Log.entryAdded", "Runtime.exceptionThrown")], [])
        browser.open(url, *SIZES["desktop"])
        listening(browser)
        if last > 5:
            addresses(browser, url, last)
            fast_presses(browser, url, last)
        outsiders(browser)

        browser.open(url, *SIZES["desktop"], script=False)
        expect("buttons without script", browser.value("document.querySelectorAll('button').length"), 0)
        expect("what cannot be scrolled to without script", browser.value(r"""
            [...document.querySelectorAll("h1, img, svg, p")].filter((e) => { const box = e.getBoundingClientRect();
              return !box.height || box.left < 0 || box.right > innerWidth || box.top < 0 ||
                     box.bottom > document.documentElement.scrollHeight; }).length"""), 0)
        expect("network requests without script", browser.requests(), [])
        on_paper(browser, last)


try:
    main(*sys.argv[1:])
finally:
    print("".join(line + "\n" for line in failures), end="")
sys.exit(1 if failures else 0)
