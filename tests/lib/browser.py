"""A real browser without a screen, for tests: Debian's Chromium, driven by Debian's Selenium."""
import atexit
import os
import sys

DEBIAN_PYTHON = "/usr/bin/python3"  # Debian's modules are for it alone


def under_debian_python():
    """Starts the program again under Debian's Python where it runs under another one."""
    if os.path.realpath(sys.executable) != os.path.realpath(DEBIAN_PYTHON):
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])


def open_browser(width, height, folder):
    """A window of that size with a profile of its own below `folder`; closed at exit."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
                     f"--user-data-dir={folder}/chromium", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    atexit.register(browser.quit)
    return browser


def window(browser, width, height):
    """Gives the page that size, as a telephone or a desk's screen would."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
