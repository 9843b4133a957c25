# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser, on a phone-sized and a desktop-sized window; skipped without Chromium and selenium."""
import http.server
import shutil
import threading

import pytest

webdriver = pytest.importorskip("selenium.webdriver")
if not shutil.which("chromium") or not shutil.which("chromedriver"):
    pytest.skip("chromium or chromedriver is missing", allow_module_level=True)

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402


class Application(http.server.BaseHTTPRequestHandler):
    """Stands behind the callback and notes who came."""

    visits = []

    def do_GET(self):
        if self.path.startswith("/cb"):
            self.visits.append((self.path, self.headers.get("Sec-Fetch-Dest")))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        try:
            self.wfile.write(b"<title>back</title>")
        except BrokenPipeError:
            pass  # the frame of a double callback goes away with its page

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def callback():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/cb"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module", params=[(500, 844), (1280, 800)], ids=["phone", "desktop"])
def chromium(request):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
                     "--lang=en-US", "--window-size=%d,%d" % request.param):
        options.add_argument(argument)
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    chromium.get("about:blank")  # a link that differs in its fragment only would not be loaded again
    chromium.delete_all_cookies()
    Application.visits.clear()
    return chromium


def wait(browser, condition):
    return WebDriverWait(browser, 10).until(condition)


def is_back(browser):
    return browser.title == "back"


def test_tapping_agree_goes_back_as_the_chosen_person(browser, wechat, callback):
    browser.get(wechat.url + wechat.authorize_url(callback) + "#wechat_redirect")
    assert not browser.find_element(By.ID, "complaint").is_displayed()
    Select(browser.find_element(By.ID, "person")).select_by_value("html")
    browser.find_element(By.ID, "agree").click()
    wait(browser, is_back)
    assert wechat.ledger(call="authorize")[-1]["person"] == "html"
    assert browser.current_url.startswith(callback + "?code=")


def test_tapping_decline_goes_back_without_a_code(browser, wechat, callback):
    browser.get(wechat.url + wechat.authorize_url(callback) + "#wechat_redirect")
    browser.find_element(By.ID, "decline").click()
    wait(browser, is_back)
    assert browser.current_url == callback + "?state=state1"


def test_missing_fragment_is_complained_about(browser, wechat, callback):
    browser.get(wechat.url + wechat.authorize_url(callback))
    assert "#wechat_redirect" in browser.find_element(By.ID, "complaint").text


@pytest.mark.parametrize("kind, codes", [("double_same", 1), ("double_two", 2)])
def test_double_callback_is_two_navigations(browser, wechat, callback, kind, codes):
    wechat.fault(kind)
    browser.get(wechat.url + wechat.authorize_url(callback) + "#wechat_redirect")
    browser.find_element(By.ID, "agree").click()
    wait(browser, lambda _: len(Application.visits) == 2)
    assert {dest for _, dest in Application.visits} == {"iframe", "document"}
    assert len({path for path, _ in Application.visits}) == codes


def test_developers_page_steers(browser, wechat):
    browser.get(wechat.url + "/sandbox/")
    wait(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".person")) == len(wechat.people()))
    browser.find_element(By.CSS_SELECTOR, "[data-person=sql]").click()
    wait(browser, lambda b: "SQL" in b.find_element(By.ID, "next").text)
    assert wechat.control("GET", "/sandbox/next")["person"] == "sql"
    browser.execute_script("document.querySelector('#fault-form button').click()")
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#faults li"))
    assert wechat.faults()[0]["fault"] == {"kind": "busy", "count": 1}


def test_developers_page_fits_the_window_and_has_no_errors(browser, wechat):
    browser.get(wechat.url + "/sandbox/")
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".person"))
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.find_element(By.ID, "said").text == ""
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
