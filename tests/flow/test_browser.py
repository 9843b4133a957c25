# SPDX-License-Identifier: Apache-2.0
"""Chromium on the demo's pages: a phone that taps "agree", a desktop that shows a QR code, and the phone that follows it."""
import shutil
import subprocess

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from rig import SOURCE
from visitor import WECHAT_PHONE
from wait import SLACK

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def site(directory, programs, sandbox_session):
    """The demo's pages in a rig."""
    from conftest import make_rig
    rig = make_rig(directory, programs, sandbox_session, server='location = /style.css {{ types {{ text/css css; }} }}')
    shutil.copytree(SOURCE / 'scripts/demo-site', rig.dir / 'www', dirs_exist_ok=True)
    yield rig
    rig.stop()
    rig.check_after()


@pytest.fixture
def chromium(tmp_path):
    """chromium(width, height, agent) opens a browser with a profile of its own."""
    opened = []

    def open_one(width, height, agent=None, language='zh-CN', mobile=False):
        options = Options()
        options.binary_location = '/usr/bin/chromium'
        profile = tmp_path / f'profile{len(opened)}'
        for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
                         f'--window-size={width},{height}', f'--user-data-dir={profile}', f'--lang={language}', '--hide-scrollbars'):
            options.add_argument(argument)
        options.add_experimental_option('prefs', {'intl.accept_languages': language})
        if mobile:
            options.add_experimental_option('mobileEmulation', {'deviceMetrics': {'width': width, 'height': height, 'pixelRatio': 2.0}, 'userAgent': agent})
        elif agent:
            options.add_argument(f'--user-agent={agent}')
        browser = webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)
        browser.set_page_load_timeout(30 * SLACK)
        opened.append(browser)
        return browser
    yield open_one
    for browser in opened:
        browser.quit()


@pytest.fixture
def phone(chromium):
    return chromium(390, 844, WECHAT_PHONE, mobile=True)


def wait_for(browser, condition, seconds=15):
    return WebDriverWait(browser, seconds * SLACK, poll_frequency=0.05).until(lambda _: condition())


def tap_agree(browser, rig):
    wait_for(browser, lambda: browser.current_url.startswith(rig.sandbox.url))
    wait_for(browser, lambda: browser.find_elements(By.ID, 'agree'))
    browser.find_element(By.ID, 'agree').click()


def fits_the_width(browser):
    return browser.execute_script('return document.documentElement.scrollWidth <= window.innerWidth')


def name_shown(browser):
    return wait_for(browser, lambda: (text := browser.find_element(By.ID, 'name').text) not in ('', '…') and text)


def test_on_a_phone_tapping_agree_shows_the_protected_page(site, sandbox, phone):
    phone.get(site.url + '/')
    assert fits_the_width(phone)
    phone.find_element(By.ID, 'phone').click()
    wait_for(phone, lambda: phone.current_url.startswith(site.sandbox.url))
    assert fits_the_width(phone)
    tap_agree(phone, site)
    wait_for(phone, lambda: phone.current_url == site.url + '/private/?from=demo')
    assert name_shown(phone) == '李平'
    assert fits_the_width(phone)


def test_a_link_that_names_its_fragment_comes_back_to_it(site, sandbox, phone):
    phone.get(site.url + '/weixin/login?next=%2Fprivate%2F%3Fa%3D1%23%2Froute%2F2')
    tap_agree(phone, site)
    wait_for(phone, lambda: phone.current_url == site.url + '/private/?a=1#/route/2')


def decode_qr(browser, tmp_path):
    picture = tmp_path / 'qr.png'
    svg = wait_for(browser, lambda: browser.find_elements(By.CSS_SELECTOR, 'svg'))
    svg = max(svg, key=lambda one: one.size['width'])
    svg.screenshot(str(picture))
    run = subprocess.run(['zbarimg', '-q', '--raw', str(picture)], capture_output=True, text=True, timeout=30 * SLACK)
    assert run.returncode == 0, f'no QR code to read: {run.stderr}'
    return run.stdout.strip()


def test_on_a_desktop_the_qr_code_leads_the_phone_and_the_desktop_goes_on_by_itself(site, sandbox, chromium, phone, tmp_path):
    desktop = chromium(1280, 800)
    desktop.get(site.url + '/private/?from=desktop#here')
    address = decode_qr(desktop, tmp_path)
    assert address.startswith(site.url + '/weixin/login?')
    assert fits_the_width(desktop)
    phone.get(address)
    tap_agree(phone, site)
    wait_for(phone, lambda: phone.current_url.startswith(site.url))
    confirm = wait_for(phone, lambda: phone.find_elements(By.CSS_SELECTOR, 'form button'))
    assert phone.current_url == address, 'code and state are not in the address bar, and a reload asks again'
    number = next(word for word in desktop.find_element(By.TAG_NAME, 'body').text.replace('，', ' ').split() if word.isdigit() and len(word) == 4)
    assert number in phone.find_element(By.TAG_NAME, 'body').text
    confirm[0].click()
    wait_for(desktop, lambda: desktop.find_elements(By.ID, 'name'))
    assert name_shown(desktop) == '李平'
    assert desktop.current_url == site.url + '/private/?from=desktop#here'


def test_after_no_the_address_bar_holds_neither_code_nor_state_and_a_reload_begins_anew(site, sandbox, phone):
    phone.get(site.url + '/private/?x=1')
    wait_for(phone, lambda: phone.find_elements(By.ID, 'decline'))
    phone.find_element(By.ID, 'decline').click()
    wait_for(phone, lambda: phone.current_url.startswith(site.url))
    assert phone.current_url == site.url + '/weixin/login?next=%2Fprivate%2F%3Fx%3D1'
    phone.refresh()
    tap_agree(phone, site)
    wait_for(phone, lambda: phone.current_url == site.url + '/private/?x=1')


def test_a_popup_closes_and_its_opener_is_signed_in(site, sandbox, chromium):
    phone = chromium(390, 844, WECHAT_PHONE)
    phone.get(site.url + '/')
    phone.execute_script("""
        window.heard = null;
        addEventListener('message', event => { if (event.origin === location.origin) window.heard = event.data.weigate; });
        window.popup = open('/weixin/login?popup=1&next=%2F', 'weixin', 'width=390,height=600');""")
    opener = phone.current_window_handle
    popup = wait_for(phone, lambda: next((one for one in phone.window_handles if one != opener), None))
    phone.switch_to.window(popup)
    tap_agree(phone, site)
    phone.switch_to.window(opener)
    assert wait_for(phone, lambda: phone.execute_script('return window.heard')) == 'signed_in'
    wait_for(phone, lambda: phone.execute_script('return window.popup.closed'))
    assert phone.execute_async_script("fetch('/weixin/session').then(r => r.json()).then(me => arguments[0](me.profile.nickname))") == '李平'


def test_signing_out_on_the_page_leads_home(site, sandbox, phone):
    phone.get(site.url + '/private/')
    tap_agree(phone, site)
    name_shown(phone)
    phone.find_element(By.CSS_SELECTOR, 'form button').click()
    wait_for(phone, lambda: phone.current_url == site.url + '/')
    phone.get(site.url + '/private/')
    wait_for(phone, lambda: phone.current_url.startswith(site.sandbox.url))


@pytest.mark.parametrize('language,word', [('zh-CN', '登录'), ('en-US', 'sign')])
def test_pages_speak_the_visitors_language_and_fit_small_screens(site, sandbox, chromium, language, word):
    browser = chromium(320, 640, WECHAT_PHONE, language, mobile=True)
    browser.get(site.url + '/weixin/callback?state=none')
    assert word in browser.find_element(By.TAG_NAME, 'body').text
    assert fits_the_width(browser)
    assert browser.execute_script('return document.documentElement.lang').startswith(language[:2])


def test_a_nickname_that_is_a_script_stays_text(site, sandbox, phone):
    """K29"""
    sandbox.next_person('html', count=1)
    phone.get(site.url + '/private/')
    assert name_shown(phone).startswith('<script>alert(1)</script>')
