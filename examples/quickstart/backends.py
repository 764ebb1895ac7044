"""Demo backends, one for each NAME=ADDRESS:PORT: `python backends.py blue=127.0.0.1:18081 green=127.0.0.1:18082`.

Each answers with its name and the path that it was asked for. Below `/headers` it lists the headers too, so that one
sees what a gateway does to them. Prints `ready` when all of them listen.
"""

from __future__ import annotations

import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer


class Backend(ThreadingTCPServer):
    """One backend: its name, and where it listens."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, name: str, address: str, port: int) -> None:
        self.name = name
        super().__init__((address, port), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers every request with a few lines of text."""

    protocol_version = "HTTP/1.1"
    server: Backend

    def do_GET(self) -> None:
        """Answer."""
        lines = [f"{self.server.name}: {self.command} {self.path}"]
        if self.path.startswith("/headers"):
            lines += [f"  {name.lower()}: {value}" for name, value in sorted(self.headers.items())]
        body = "".join(f"{line}\n" for line in lines).encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        if self.command != "GET":
            # A request may have a body that nobody reads here; the next request must not begin in the middle of it.
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (names that http.server looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the class that calls it)
        """Write nothing: what is worth seeing is the answer."""


def main() -> None:
    """Serve until a signal comes."""
    # The default of Python is a traceback, and nothing here needs to be tidied up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threads = []
    for argument in sys.argv[1:]:
        name, _, place = argument.partition("=")
        address, _, port = place.rpartition(":")
        try:
            backend = Backend(name, address, int(port))
        except OSError as error:
            sys.exit(f"backend {name} cannot listen on {place}: {error.strerror}")
        threads.append(threading.Thread(target=backend.serve_forever))
    for thread in threads:
        thread.start()
    print("ready", flush=True)


if __name__ == "__main__":
    main()
