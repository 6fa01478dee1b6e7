#!/usr/bin/env python3
"""The management address of a running venue: metrics that promtool takes, health, and what the service manager is told."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clients import ROOT, TMP, Venue, check, client, free_port, program, run_tests, start, wait_for  # noqa: E402


def get(port, path):
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def value(text, name):
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)


def test_metrics():
    port = free_port()
    with Venue("metrics", f"management: {{port: {port}}}\n") as venue:
        before = get(port, "/metrics")[1]
        client(venue.port, "ALFA01", "buy 100 AAPL 220; expect accepted; buy 1 NONE 5; expect rejected")
        status, text = get(port, "/metrics")
        check(status == 200, status)
        judge = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        check(judge.returncode == 0 and not judge.stdout + judge.stderr, judge.stdout + judge.stderr)
        for name, more in (("wirebook_socket_accepted_total", 1), ("wirebook_engine_transactions_total", 4)):
            check(value(text, name) >= value(before, name) + more, f"{name}: {value(before, name)}, {value(text, name)}")
        check(value(text, "wirebook_ready") == 1, text)


def test_largest_process():
    """Sixteen gateways with their stages: every series is there, and promtool still takes all of it."""
    port = free_port()
    agents = ", ".join(["gateway"] + [f"gateway{i}" for i in range(1, 16)] + ["engine", "persist"])
    venue = Venue("largest", f"management: {{port: {port}}}\nstages: {{enabled: true}}\nmemory: {{huge_pages: off}}\n"
                             f"threads: [{{name: all, agents: [{agents}]}}]\n")
    with open(venue.conf, encoding="utf-8") as file:
        text = file.read()
    with open(venue.conf, "w", encoding="utf-8") as file:
        file.write(text.replace("gateway:\n", "gateway:\n  count: 16\n  connections_max: 64\n", 1))
    with venue:
        client(venue.port, "ALFA01", "buy 100 AAPL 220; expect accepted")
        text = get(port, "/metrics")[1]
        series = [line for line in text.splitlines() if not line.startswith("#")]
        check(len(series) > 5000 and len(series) == len({line.rsplit(" ", 1)[0] for line in series}), len(series))
        for g in range(16):
            for label in (f'wirebook_ring_used_slots{{ring="events",index="{g}"}}', f'wirebook_gateway_sessions{{gateway="{g}"}}',
                          f'wirebook_stage_seconds_count{{gateway="{g}",stage="own"}}'):
                check(label in text, f"{label} is missing")
        judge = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        check(judge.returncode == 0 and not judge.stdout + judge.stderr, judge.stdout + judge.stderr)


def test_health():
    port = free_port()
    with Venue("health", f"management: {{port: {port}}}\n") as venue:
        status, text = get(port, "/readyz")
        check(status == 200 and "ok course" in text and "ok engine" in text, text)
        check(get(port, "/livez")[0] == 200, "live")
        check(get(port, "/nothing")[0] == 404, "an unknown page")
        check(venue.stop() == 0, "ends in order")
    try:
        get(port, "/livez")
        check(False, "nobody answers after the end")
    except urllib.error.URLError:
        pass


def test_tls():
    """By the certificate, by TLS alone; a key of another certificate, and one file of the two, are refused."""
    port = free_port()
    pem = {}
    for name in ("one", "two"):
        pem[name] = [os.path.join(TMP, f"{name}.{kind}") for kind in ("crt", "key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-out", pem[name][0],
                        "-keyout", pem[name][1]], check=True, capture_output=True)

    def conf(cert, key):
        return f"management: {{port: {port}, tls_cert_file: {cert}, tls_key_file: {key}}}\n"
    with Venue("tls", conf(*pem["one"])):
        trust = ssl.create_default_context(cafile=pem["one"][0])
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/metrics", timeout=10, context=trust) as answer:
            check(answer.status == 200 and b"wirebook_ready 1" in answer.read(), "by TLS")
        try:
            get(port, "/metrics")
            check(False, "plain")
        except (urllib.error.URLError, ConnectionError, OSError):
            pass
    readable = os.path.join(TMP, "readable.key")
    shutil.copy(pem["one"][1], readable)
    os.chmod(readable, 0o644)
    for more, word in ((conf(pem["one"][0], pem["two"][1]), "belong together"), (conf(pem["one"][0], readable), "others may read it"), (conf(pem["one"][0], "/nowhere"), "/nowhere"),
                       (f"management: {{port: {port}, tls_cert_file: x}}\n", "both, or neither")):
        v = Venue("tls-wrong", more)
        run = subprocess.run([program("wirebook"), v.conf], capture_output=True, text=True, timeout=30, cwd=ROOT)
        check(run.returncode == 1 and word in run.stderr, run.stderr)


def test_address_taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        conf = os.path.join(TMP, "taken.yaml")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"data_dir: {TMP}/taken\ngateway: {{listen: [{{port: {free_port()}}}]}}\n"
                       f"journal: {{segment_mb: 4, low_space_mb: 64, hard_space_mb: 32}}\n"
                       f"management: {{port: {other.getsockname()[1]}}}\n")
        run = subprocess.run([program("wirebook"), conf], capture_output=True, text=True, timeout=30, cwd=ROOT)
        check(run.returncode == 1 and "choose another management.address" in run.stderr, run.stderr)


def test_service_manager():
    """READY once clients are taken, WATCHDOG as often as asked, STOPPING at the end."""
    path = os.path.join(TMP, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        venue = Venue("service")
        with open(venue.conf, encoding="utf-8") as file:
            text = file.read().replace("gateway:\n", "gateway:\n  drain_notice_ms: 120000\n  drain_timeout_ms: 60000\n")
        with open(venue.conf, "w", encoding="utf-8") as file:
            file.write(text)
        with open(venue.log, "wb") as log:
            env = dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="600000")
            process = start([program("wirebook"), venue.conf], stdout=log, stderr=log, cwd=ROOT, env=env)
        said = []
        while said.count("WATCHDOG=1") < 3:
            said += manager.recv(4096).decode().split("\n")
        order = [said.index(word) for word in ("STATUS=starting", "READY=1", "WATCHDOG=1")]
        check(order == sorted(order), said)
        process.send_signal(signal.SIGSTOP)  # a process that hangs gives no sign
        time.sleep(0.3)
        manager.setblocking(False)
        try:
            while True:
                manager.recv(4096)
        except BlockingIOError:
            pass
        time.sleep(0.6)
        try:
            check(not manager.recv(4096), "a stopped process is silent")
        except BlockingIOError:
            pass
        process.send_signal(signal.SIGCONT)
        manager.settimeout(20)
        process.send_signal(signal.SIGTERM)
        said = []
        wait_for("the process says that it stops", lambda: said.extend(manager.recv(4096).decode().split("\n")) or "STOPPING=1" in said)
        extended = [int(line.split("=")[1]) for line in said if line.startswith("EXTEND_TIMEOUT_USEC=")]
        check(extended and extended[-1] >= 180_000_000, f"as long as the config lets it take: {said}")
        process.send_signal(signal.SIGTERM)  # nobody waits for that here
        check(process.wait(20) == 1, "ends at once")


run_tests(test_metrics, test_largest_process, test_health, test_tls, test_address_taken, test_service_manager)
