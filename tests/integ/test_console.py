#!/usr/bin/env python3
"""The web console: its token, its answers, and its page in a real browser before a venue that trades."""
import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from browser import open_browser, under_debian_python, window  # noqa: E402

under_debian_python()
from clients import ROOT, TMP, Venue, check, client, free_port, program, run_tests, wait_for  # noqa: E402
from databases import Databases  # noqa: E402

TOKEN = "0123456789abcdef0123456789abcdef"
BUNDLE = os.path.join(ROOT, "build", "console")


def token_file(name, text=TOKEN, mode=0o600):
    path = os.path.join(TMP, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.chmod(path, mode)
    return path


def management(port, token, more=""):
    return f'management: {{port: {port}, console_dir: "{BUNDLE}", token_file: "{token}"{more}}}\n'


def get(port, path, token=None):
    """Status, headers and body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def test_bundle():
    """`make console` builds it, and what the page thinks by itself is right."""
    subprocess.run([f"{ROOT}/scripts/console"], check=True)
    npm = os.path.join(BUNDLE, "npm", "node_modules")
    subprocess.run(["node", f"{ROOT}/gateway/console/web/build.mjs", ROOT, npm, TMP, "tests/lib/console_checks.ts"], check=True)
    subprocess.run(["node", os.path.join(TMP, "checks.mjs")], check=True)


def test_token():
    port = free_port()
    with Venue("token", management(port, token_file("token1"))):
        for path in ("/api/login", "/api/history", "/api/book?symbol=AAPL", "/api/symbols", "/api/none"):
            for wrong in (None, "", TOKEN[:-1], TOKEN + "0", "0" * 32, TOKEN.upper()):
                status, headers, _ = get(port, path, wrong)
                check(status == 401 and headers["WWW-Authenticate"] == "Bearer", f"{path} with {wrong}: {status}")
        check(get(port, "/api/login", TOKEN)[0] == 204, "the right token")
        check(get(port, "/metrics")[0] == 200 and get(port, "/readyz")[0] == 200, "machines need none")
        for path in ("/api/history?since=x", "/api/history?since=-1", "/api/history?since=99999999999999999999",
                     "/api/book", "/api/book?symbol=", "/api/book?symbol=NINECHARS"):
            check(get(port, path, TOKEN)[0] == 400, path)
        for path in ("/api/", "/api/none", "/console/none", "/console/../main.c", "/console/%2e%2e/x"):
            check(get(port, path, TOKEN)[0] == 404, path)
        status, headers, text = get(port, "/console/")
        check(status == 200 and "Wirebook" in text and "default-src 'none'" in headers["Content-Security-Policy"], "the page")
        check(get(port, "/api/book?symbol=A%27;drop", TOKEN)[2] == '{"state":"off","age_ms":0,"data":null}', "no database")
        refused = [line for line in get(port, "/metrics")[2].splitlines() if line.startswith("wirebook_console_refused_total")]
        check(refused == ["wirebook_console_refused_total 41"], refused)


def test_history():
    port = free_port()
    with Venue("history", management(port, token_file("token2"))) as venue:
        wait_for("three samples", lambda: len(json.loads(get(port, "/api/history", TOKEN)[2])["rows"]) >= 3)
        client(venue.port, "ALFA01", "buy 100 AAPL 220; expect accepted; buy 1 NONE 5; expect rejected")
        time.sleep(1.1)
        answer = json.loads(get(port, "/api/history", TOKEN)[2])
        rows = [dict(zip(["ms"] + answer["names"], row)) for row in answer["rows"]]
        check(all(b["ms"] - a["ms"] >= 1000 for a, b in zip(rows, rows[1:])) and abs(rows[-1]["ms"] / 1000 - time.time()) < 5, rows)
        check(rows[-1]["orders_open"] == 1 and rows[0]["orders_open"] == 0 and rows[-1]["rejects"] == 1, rows[-1])
        check(rows[-1]["phase"] == ord("T") and rows[-1]["link_up"] is None, rows[-1])
        later = json.loads(get(port, f"/api/history?since={rows[1]['ms']}", TOKEN)[2])["rows"]
        check(later[0] == answer["rows"][2], "since")


def test_bad_start():
    """What is wrong with the console's files is said with the remedy."""
    def fails(text, want):
        conf = os.path.join(TMP, "bad.yaml")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"data_dir: {TMP}/bad\ngateway: {{listen: [{{port: {free_port()}}}]}}\n"
                       f"journal: {{segment_mb: 4, low_space_mb: 64, hard_space_mb: 32}}\n" + text)
        run = subprocess.run([program("wirebook"), conf], capture_output=True, text=True, timeout=30, cwd=ROOT)
        check(run.returncode == 1 and want in run.stderr, f"{want}: {run.stderr}")

    fails(management(free_port(), token_file("open", mode=0o640)), "chmod 600")
    fails(management(free_port(), token_file("short", "tooshort")), "fewer than 16 characters")
    fails(management(free_port(), token_file("long", "x" * 255)), "longer than 254 characters")
    fails(management(free_port(), os.path.join(TMP, "nothing")), "No such file")
    fails(management(free_port(), token_file("fine")).replace(BUNDLE, TMP + "/nowhere"), "make console")
    fails(f"management: {{port: {free_port()}, console_dir: {BUNDLE}}}\n", "management.token_file")
    fails(f"management: {{console_dir: {BUNDLE}, token_file: x}}\n", "management.port")
    longest = token_file("longest", "x" * 254)
    for address, warned in (("127.0.0.3", False), ("0.0.0.0", True)):
        port = free_port()
        with Venue("clear", management(port, longest, f", address: {address}")) as v:
            check(not warned or get(port, "/api/login", "x" * 254)[0] == 204, "the longest token")
            with open(v.log, encoding="utf-8") as file:
                check(("crosses the network in clear" in file.read()) == warned, f"{address}: a token in clear is warned of")


def text_of(browser, selector):
    return browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)


def facts(browser):
    return dict(zip(*[iter(text_of(browser, "#facts").split("\n"))] * 2))


def log_in(browser, token):
    field = browser.find_element("css selector", "#token")
    field.send_keys(token)
    field.submit()


def overflow(browser):
    return browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")


def look(browser, name, width, height):
    """A picture of the whole page as a window of that width shows it, kept with the test's files; nothing sticks out."""
    window(browser, width, height)
    time.sleep(0.5)
    check(overflow(browser) == 0, f"{name}: the page is {overflow(browser)} px wider than the window")
    cut = browser.execute_script("return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.innerText)")
    check(cut == [], f"{name}: a table is wider than its place: {cut}")
    path = os.path.join(os.environ.get("WB_PICTURES", TMP), f"console_{name}.png")
    size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": {**size, "width": width, "scale": 1}})
    with open(path, "wb") as file:
        file.write(base64.b64decode(picture["data"]))
    check(os.path.getsize(path) > 10000, path)


def scheme(browser, name):
    """Light or dark, as the browser's owner wants it."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})


def gridded(browser):
    """How many charts have their lines in the colour that the page's style has for them now."""
    return browser.execute_script("""
        const probe = document.body.appendChild(document.createElement('i'));
        probe.style.color = 'var(--line)';
        const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
        probe.remove();
        return [...document.querySelectorAll('.chart:not([hidden]) canvas')].filter((c) => {
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            for (let i = 0; i < d.length; i += 4) if (d[i] === r && d[i + 1] === g && d[i + 2] === b && d[i + 3] === 255) return true;
        }).length""")


def painted(browser):
    """How many charts have a line: pixels that are not the ground's."""
    return browser.execute_script("""
        return [...document.querySelectorAll('.chart canvas')].filter((c) => {
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            const colours = new Set();
            for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) colours.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
            return colours.size > 3;
        }).length""")


def trade(port):
    client(port, "ALFA01", "buy 100 AAPL 220; expect accepted; buy 50 AAPL 219.5; expect accepted; buy 70 AAPL 220; expect accepted")
    client(port, "BRAV01", "sell 30 AAPL 220; expect accepted; expect executed; sell 10 AAPL 221.25; expect accepted; "
                           "buy 5 MSFT 400; expect accepted")


def test_page():
    databases = Databases(os.path.join(TMP, "services"))
    try:
        port = free_port()
        env = databases.env
        conninfo = f'host={env["PGHOST"]} port={env["PGPORT"]} user={env["PGUSER"]} dbname={env["PGDATABASE"]}'
        more = f', conninfo: "{conninfo}", password_file: "{databases.pgpass}"'
        with Venue("page", management(port, token_file("token3"), more) + databases.export("page") + "stages: {enabled: yes}\n") as venue:
            trade(venue.port)
            time.sleep(1.5)  # so that the latencies' line has two ends
            client(venue.port, "CHAR01", "buy 1 NONE 1; expect rejected")
            browser = open_browser(1280, 1000, TMP)
            browser.get(f"http://127.0.0.1:{port}/console/")
            log_in(browser, "x" * 32)
            wait_for("a wrong token is refused", lambda: "wrong" in text_of(browser, "#login-error"))
            log_in(browser, TOKEN)
            wait_for("the venue's state", lambda: facts(browser).get("Open orders") == "5", 30)
            check(facts(browser)["Phase"] == "trading", facts(browser))
            wait_for("AAPL's book", lambda: "221.25" in text_of(browser, "#books tbody"), 30)
            levels = [line.split() for line in text_of(browser, "#books tbody").split("\n")]
            check(levels[0] == ["2", "140", "220.00", "221.25", "10", "1"] and levels[1] == ["1", "50", "219.50"], levels)
            check("AAPL\t220.00\t220.00\t220.00\t30\t1" in text_of(browser, "#turnover tbody"), text_of(browser, "#turnover"))
            check("ALFA01\taway" in text_of(browser, "#sessions tbody"), text_of(browser, "#sessions"))
            browser.execute_script("const s = document.querySelector('#symbol'); s.value = 'MSFT'; s.dispatchEvent(new Event('change'))")
            wait_for("MSFT's book", lambda: "400.00" in text_of(browser, "#books tbody") and "220" not in text_of(browser, "#books tbody"))
            wait_for("charts are drawn, latencies too", lambda: painted(browser) >= 3)
            legend = text_of(browser, ".chart .u-legend")
            check(" UTC" in text_of(browser, "#clock") and text_of(browser, "#clock")[:5] in legend, f"the newest values, in UTC: {legend}")
            look(browser, "desktop", 1280, 1000)
            look(browser, "phone", 390, 844)
            charts = gridded(browser)
            scheme(browser, "dark")
            wait_for("an open page follows from light to dark, charts too", lambda: gridded(browser) == charts >= 3)
            look(browser, "phone_dark", 390, 844)
            browser.execute_script("const s = document.querySelector('#symbol'); s.value = 'TSLA'; s.dispatchEvent(new Event('change'))")
            wait_for("a book with nothing in it says so", lambda: text_of(browser, "#books .note") == "No open orders.")
            browser.execute_script("const s = document.querySelector('#symbol'); s.value = 'MSFT'; s.dispatchEvent(new Event('change'))")
            wait_for("MSFT's book again", lambda: "400.00" in text_of(browser, "#books tbody"))
            databases.call("stop")
            wait_for("a database that is away", lambda: "cannot be reached" in text_of(browser, "#books .note"), 30)
            check("400.00" in text_of(browser, "#books tbody"), "what was known stays, as old")
            look(browser, "desktop_dark_away", 1280, 1000)
            scheme(browser, "light")
            outside = browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)"
                                             ".filter((n) => !n.startsWith(location.origin))")
            check(outside == [], f"requests to the outside: {outside}")
            errors = [e for e in browser.get_log("browser") if e["level"] == "SEVERE" and "401" not in e["message"]]
            check(errors == [], errors)
            venue.kill()
            wait_for("a venue that is gone", lambda: text_of(browser, "#state") == "no answer")
            browser.find_element("css selector", "#logout").click()
            check(browser.execute_script("return sessionStorage.length") == 0, "the token is forgotten")
    finally:
        databases.call("stop")


run_tests(test_bundle, test_token, test_history, test_bad_start, test_page)
