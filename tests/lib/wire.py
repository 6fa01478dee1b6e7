"""What went over the wire between clients and a venue, as a capture file: by the kernel where that is allowed, else by a
relay in between which writes the frames that the kernel would have seen."""
import socket
import struct
import subprocess
import threading
import time

from clients import start


class Capture:
    """Captures TCP of one port on the loopback with tshark. `allowed` is False where that needs rights we lack."""

    def __init__(self, path, port):
        self.path, self.port = path, port
        self.process = start(["tshark", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", path],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.allowed = self.begun()
        if not self.allowed:
            self.stop()

    def begun(self):
        """Knocks at the port until the capture shows it."""
        for _ in range(100):
            if self.process.poll() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                with open(self.path, "rb") as file:
                    if b"\x7f\0\0\x01\x7f\0\0\x01" in file.read():
                        return True
            except OSError:
                pass
            time.sleep(0.1)
        return False

    def stop(self):
        time.sleep(0.5)  # dumpcap writes in lumps
        self.process.terminate()
        self.process.wait()


class Relay:
    """Stands between clients and a venue and keeps every byte with its time and direction."""

    def __init__(self, to_port):
        self.to_port, self.frames, self.lock = to_port, [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.count = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            venue = socket.create_connection(("127.0.0.1", self.to_port))
            self.count += 1
            for pair in ((client, venue, True), (venue, client, False)):
                threading.Thread(target=self.copy, args=(self.count, *pair), daemon=True).start()

    def copy(self, number, source, target, to_venue):
        try:
            while data := source.recv(65536):
                with self.lock:
                    self.frames.append((time.time(), number, to_venue, data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def write(self, path):
        """The frames as a pcap file of raw IPv4, each connection with its own client port."""
        with self.lock, open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
            sent = {}
            for at, number, to_venue, data in sorted(self.frames, key=lambda frame: frame[0]):
                for i in range(0, len(data), 32768):
                    self.write_frame(file, at, sent, number, to_venue, data[i:i + 32768])

    def write_frame(self, file, at, sent, number, to_venue, data):
        ports = (40000 + number, self.to_port) if to_venue else (self.to_port, 40000 + number)
        seq, ack = sent.get((number, to_venue), 1), sent.get((number, not to_venue), 1)
        tcp = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, 0x18, 65535, 0, 0)
        sent[number, to_venue] = seq + len(data)
        here = bytes((127, 0, 0, 1))
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, here, here)
        frame = ip + tcp + data
        file.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)
