"""The delivery console, used by somebody: in a real browser, on a real service, with a receiver that fails for real."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from aiohttp import web
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import House, made, ok

DRIVER = shutil.which("chromedriver")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
NONE = "No browser, so the console is not tried: install chromium and chromedriver (Debian: chromium, chromium-driver)."
if not (DRIVER and BROWSER) and not os.environ.get("CI"):
    pytest.skip(NONE, allow_module_level=True)

PATIENCE = 20.0
SIZE = "Emulation.setDeviceMetricsOverride"
MEDIA = "Emulation.setEmulatedMedia"
FAINT = """
const lit = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const color = getComputedStyle(node).backgroundColor;
    if (!/, 0\\)$/.test(color)) return color;
  }
};
return [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility() && node.innerText
  && [...node.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim())).map((node) => {
  const [one, other] = [lit(getComputedStyle(node).color), lit(behind(node))].sort((a, b) => b - a);
  return [node.innerText.slice(0, 40), (one + 0.05) / (other + 0.05)];
}).filter(([, contrast]) => contrast < 4.5);
"""
"""The texts that stand out from what is behind them by less than 4.5 to 1 (WCAG 2.2, 1.4.3)."""


@dataclass
class Vendor:
    """The vendor's server: it takes webhooks as it is told to, and has a page with the console in a frame."""

    port: int = 0
    status: int = 204
    framed: str = ""
    got: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        if self.status == 204:
            self.got.append(request.headers["webhook-id"])
        return web.Response(status=self.status)

    async def show(self, request: web.Request) -> web.Response:
        head = '<!doctype html><title>EHR</title><link rel="icon" href="data:,">'
        frame = f'<iframe src="{self.framed}" width="900" height="600"></iframe>'
        return web.Response(text=head + frame, content_type="text/html")

    def times(self, seq: int) -> int:
        """How often it took an event."""
        return sum(id.endswith(f"_{seq}") for id in self.got)

    async def until(self, seq: int, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.times(seq) < times:
                await asyncio.sleep(0.02)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    found = Vendor()
    app = web.Application()
    app.router.add_post("/{hook:.*}", found.take)
    app.router.add_get("/", found.show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    assert DRIVER and BROWSER, NONE
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    # It opens nothing but our own pages, and as root it has no sandbox.
    for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "no-proxy-server", "window-size=1280,900"):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield found
    found.quit()


@dataclass
class Person:
    """Somebody at the console."""

    browser: webdriver.Chrome

    async def goes_to(self, address: str) -> None:
        await asyncio.to_thread(self.browser.get, "about:blank")
        await asyncio.to_thread(self.browser.get, address)

    async def runs(self, script: str, *about: Any) -> Any:
        return await asyncio.to_thread(self.browser.execute_script, script, *about)

    async def sees(self, where: str, *words: str) -> str:
        """Waits until the words are there; the text they are in."""
        found = ""

        def there(browser: webdriver.Chrome) -> bool:
            nonlocal found
            found = browser.execute_script("return document.querySelector(arguments[0])?.innerText", where) or ""
            return bool(found) and all(word in found for word in words)

        assert await self.waits_for(there), f"{words} never came; there was: {found}"
        return found

    async def presses(self, name: str, within: str = "body") -> None:
        """Waits until there is a button of this name."""

        def pressed(browser: webdriver.Chrome) -> bool:
            for button in browser.find_elements(By.CSS_SELECTOR, f"{within} button"):
                if name in (button.get_attribute("aria-label"), button.text) and button.is_displayed():
                    button.click()
                    return True
            return False

        assert await self.waits_for(pressed), f"there is no button {name}"

    async def waits_for(self, sign: Callable[[webdriver.Chrome], bool]) -> bool:
        wait = WebDriverWait(self.browser, PATIENCE, 0.02, (StaleElementReferenceException,))
        with suppress(TimeoutException):
            return await asyncio.to_thread(wait.until, sign)
        return False

    async def types(self, *keys: str) -> None:
        await asyncio.to_thread(lambda: webdriver.ActionChains(self.browser).send_keys(*keys).perform())

    async def row(self, seq: int) -> str:
        """Where a delivery stands on the page."""
        where = f'#deliveries tbody[data-key="{seq}"]'
        await self.sees(where, str(seq))
        return where


@pytest.fixture
def person(browser: webdriver.Chrome) -> Iterator[Person]:
    yield Person(browser)
    browser.switch_to.default_content()
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd(MEDIA, {"features": []})
    browser.get_log("browser")


async def opened(house: House, address: str) -> str:
    """The console's address for a new session, as the vendor's server gets it."""
    return address + made(await (await house.as_("integration")).post("/v1/console-sessions"))["url"]


async def registered(house: House, vendor: Vendor, **said: Any) -> dict[str, Any]:
    """An endpoint at the vendor's that has answered its ping."""
    script = await house.as_("integration")
    body = {"url": f"http://127.0.0.1:{vendor.port}/hook", "event_types": ["client.*"], **said}
    found = made(await script.post("/v1/webhook-endpoints", json=body))
    async with asyncio.timeout(PATIENCE):
        while ok(await script.get(f"/v1/webhook-endpoints/{found['id']}"))["phase"] != "enabled":
            await asyncio.sleep(0.02)
    return found


async def something_happens(script: httpx.AsyncClient) -> int:
    """The number of its event."""
    made(await script.post("/v1/clients", json={"label": "K."}))
    practice = ok(await script.get("/v1/practices/me"))
    return int(practice["seq"])


async def test_an_endpoint_is_seen_to_fail_and_is_mended(person: Person, house: House, vendor: Vendor, address: str):
    endpoint, script = await registered(house, vendor), await house.as_("integration")
    first = await something_happens(script)
    await vendor.until(first)
    await person.goes_to(await opened(house, address))
    await person.sees("#endpoints", endpoint["url"], "enabled", "closed", "100 %")
    assert person.browser.current_url == f"{address}/console"
    await person.sees(await person.row(first), "client.registered", "delivered")

    await person.runs("document.querySelector('#endpoints button').focus()")
    vendor.status = 500
    late = [await something_happens(script) for _ in range(12)][-1]
    await person.sees("#facts", "Failing since")
    row = await person.row(late)
    assert "pending" in await person.sees(row)
    assert "100 %" not in await person.sees("#endpoints")
    assert await person.runs("return document.activeElement.innerText") == endpoint["url"]

    vendor.status = 204
    await person.presses(f"Redeliver event {late}", row)
    await person.sees("#said", f"Event {late} is sent once more.")
    await vendor.until(late)
    await person.presses(f"Redeliver event {first}")
    await vendor.until(first, times=2)
    again = await person.row(first)
    await person.runs("document.querySelector(arguments[0] + ' [data-at=attempts]').click()", again)
    log = await person.sees(again, f"evt_{house.id.hex}_{first}", "status 204", "sent for: redelivery")
    assert "sent for: event" in log

    await person.presses("Recover", "#endpoint .actions")
    await asyncio.to_thread(person.browser.find_element(By.ID, "after").send_keys, "0")
    await person.presses("Recover", "#recovery")
    await person.sees("#said", "It is sent again")
    await vendor.until(first, times=3)


async def test_deliveries_are_stopped_only_when_one_is_sure(person: Person, house: House, vendor: Vendor, address: str):
    await registered(house, vendor)
    script = await house.as_("integration")
    await person.goes_to(await opened(house, address))
    await person.sees("#endpoint", "Pause")
    await person.presses("Pause")
    await person.presses("Cancel", "#sure")
    await person.presses("Pause")
    await person.sees("#sure", "Events wait until it is resumed.")
    await person.presses("Pause", "#sure")
    await person.sees("#endpoints", "paused")
    waiting = await something_happens(script)
    await person.sees(await person.row(waiting), "pending")
    assert vendor.times(waiting) == 0
    await person.presses("Resume")
    await vendor.until(waiting)
    await person.presses("Ping")
    await person.sees("#said", "A ping is on its way.")
    await person.presses("Disable")
    await person.presses("Disable", "#sure")
    await person.sees("#endpoints", "disabled: requested")
    await person.presses("Enable")
    await person.sees("#endpoints", "enabled")


async def test_what_the_service_refuses_is_said_in_its_own_words(
    person: Person, house: House, vendor: Vendor, address: str
):
    await registered(house, vendor)
    await person.goes_to(await opened(house, address))
    await person.sees("#endpoint", "Recover")
    await person.presses("Recover", "#endpoint .actions")
    await asyncio.to_thread(person.browser.find_element(By.ID, "after").send_keys, "9" * 20)
    await person.presses("Recover", "#recovery")
    await person.sees("#wrong", "Look at #/after_seq.")


async def test_a_listed_origin_frames_the_console_and_no_other_does(
    person: Person, house: House, vendor: Vendor, address: str
):
    endpoint = await registered(house, vendor)
    vendor.framed = await opened(house, address)
    await person.goes_to(f"http://localhost:{vendor.port}/")
    person.browser.switch_to.frame(0)
    await person.sees("#endpoints", endpoint["url"], "enabled")
    await person.presses("Ping")
    await person.sees("#said", "A ping is on its way.")
    await person.runs("window.same = true")
    person.browser.switch_to.default_content()
    again = await opened(house, address)
    await person.runs("document.querySelector('iframe').src = arguments[0]", again)
    person.browser.switch_to.frame(0)
    token = again.partition("#token=")[2]
    assert await person.waits_for(lambda b: b.execute_script("return history.state?.token === arguments[0]", token))
    assert await person.runs("return window.same")
    await person.sees("#endpoints", endpoint["url"], "enabled")
    assert not person.browser.get_log("browser")

    await person.goes_to(f"http://127.0.0.1:{vendor.port}/")
    person.browser.switch_to.frame(0)
    assert await person.runs("return document.querySelector('#endpoints')") is None
    assert any("frame-ancestors" in entry["message"] for entry in person.browser.get_log("browser"))


async def test_a_session_that_has_ended_says_so_and_a_new_one_goes_on(
    person: Person, house: House, vendor: Vendor, address: str
):
    endpoint = await registered(house, vendor)
    await person.goes_to(f"{address}/console#token={house.token('integration', ttl=-1)}")
    await person.sees("body", "This session has ended", "Open the console again from the application")
    await person.runs(
        "window.same = true; location.hash = arguments[0]", (await opened(house, address)).partition("#")[2]
    )
    await person.sees("#endpoints", endpoint["url"])
    assert "This session has ended" not in await person.sees("body")
    await asyncio.to_thread(person.browser.refresh)
    await person.sees("#endpoints", endpoint["url"])
    await person.goes_to(f"{address}/console")
    await person.sees("body", "There is no session here")


async def test_what_an_endpoint_is_called_is_never_markup(person: Person, house: House, vendor: Vendor, address: str):
    called = "<img src=x onerror=\"document.title='broken'\"><b>K.</b>"
    endpoint = await registered(house, vendor, description=called)
    await person.goes_to(await opened(house, address))
    await person.sees("#endpoints", endpoint["url"])
    await person.sees("#description", called)
    assert await person.runs("return [document.title, document.images.length]") == ["Webhook deliveries", 0]
    assert not person.browser.get_log("browser")


async def test_a_page_that_nobody_sees_asks_for_nothing(person: Person, house: House, vendor: Vendor, address: str):
    endpoint = await registered(house, vendor)
    await person.goes_to(await opened(house, address))
    await person.sees("#endpoints", endpoint["url"])
    asked = "return performance.getEntriesByType('resource').length"
    await asyncio.to_thread(person.browser.minimize_window)
    await asyncio.sleep(0.5)  # what was under way may end
    before = await person.runs(asked)
    await asyncio.sleep(3.2)
    assert await person.runs(asked) == before
    await asyncio.to_thread(person.browser.set_window_rect, 0, 0, 1280, 900)
    assert await person.waits_for(lambda browser: browser.execute_script(asked) > before)


async def test_everything_can_be_reached_and_done_by_keyboard(
    person: Person, house: House, vendor: Vendor, address: str
):
    first = await registered(house, vendor)
    await registered(house, vendor, url=f"http://127.0.0.1:{vendor.port}/other")
    seq = await something_happens(await house.as_("integration"))
    await vendor.until(seq, times=2)
    await person.goes_to(await opened(house, address))
    await person.sees("#endpoints", first["url"])
    await person.types(Keys.TAB, Keys.ENTER)
    await person.sees("#endpoint-title", first["url"])
    reached = []
    for _ in range(9):
        await person.types(Keys.TAB)
        reached.append(await asyncio.to_thread(lambda: person.browser.switch_to.active_element.accessible_name))
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        assert await person.runs(outline) != "none", reached[-1]
    assert reached[:5] == ["Ping", "Pause", "Disable", "Recover", "Show"]
    assert reached[5:7] == [f"Attempts at event {seq}: 1", f"Redeliver event {seq}"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_read_on_any_screen(person: Person, house: House, vendor: Vendor, address: str, scheme: str):
    await registered(house, vendor, url=f"http://127.0.0.1:{vendor.port}/{'hook' * 40}")
    seq = await something_happens(await house.as_("integration"))
    await vendor.until(seq)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    await asyncio.to_thread(person.browser.execute_cdp_cmd, MEDIA, media)
    await person.goes_to(await opened(house, address))
    row = await person.row(seq)
    await person.presses("Recover", "#endpoint .actions")
    await person.presses(f"Attempts at event {seq}: 1", row)
    await person.sees(row, "status 204")
    for width in (320, 640, 1280):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await asyncio.to_thread(person.browser.execute_cdp_cmd, SIZE, size)
        assert await person.runs("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert await person.runs(FAINT) == []
    controls = await asyncio.to_thread(person.browser.find_elements, By.CSS_SELECTOR, "button, input, select")
    assert [c.get_attribute("id") for c in controls if c.is_displayed() and not c.accessible_name] == []
