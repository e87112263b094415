#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Client and server of the kernel tests.

serve FILE                  HTTP on port 80 of both families: any path gets the file; UDP on port 5353 and TCP on port 7 echo
get ADDRESS PATH            fetches; prints the body's sha256; exit 1 refused or reset, 2 no answer in time
late ADDRESS[:PORT] PATH F  the same, but connects first and asks when there is a file F (a port with IPv4 alone)
udp ADDRESS TEXT [PORT]     sends a datagram; prints the echo; exit 1 refused (ICMP), 2 no answer
big ADDRESS LENGTH          sends a datagram of that length; prints the echo's
"""
import hashlib, http.server, os, random, socket, socketserver, sys, threading, time

LIMIT = 3.0


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def serve(path):
    body = open(path, "rb").read()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            print("request", self.path, flush=True)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

        def handle_one_request(self):
            try:
                super().handle_one_request()
            except ConnectionError:
                print("reset", flush=True)
                self.close_connection = True

    def echo():
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.bind(("::", 5353))
        while True:
            data, peer = s.recvfrom(65536)
            s.sendto(data, peer)

    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            try:
                while data := self.request.recv(1 << 16):
                    self.request.sendall(data)
                    if b"evil" in data:
                        print("evil", flush=True)
            except ConnectionError:
                print("reset", flush=True)

    class EchoServer(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6
        daemon_threads = allow_reuse_address = True

    threading.Thread(target=echo, daemon=True).start()
    threading.Thread(target=EchoServer(("::", 7), Echo).serve_forever, daemon=True).start()
    server = Server(("::", 80), Handler)
    print("listening", flush=True)
    server.serve_forever()


def get(address, path, sign=None):
    port = 80
    if address.count(":") == 1:
        address, port = address.split(":")
    with socket.create_connection((address, int(port)), LIMIT) as s:
        s.settimeout(LIMIT)
        if sign:
            print("connected", flush=True)
        while sign and not os.path.exists(sign):
            time.sleep(0.1)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: lab\r\nUser-Agent: kernel-test\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while chunk := s.recv(1 << 16):
            data += chunk
    print(hashlib.sha256(data.split(b"\r\n\r\n", 1)[1]).hexdigest())


def exchange(address, data, port=5353):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(LIMIT)
    s.connect((address, port))
    s.send(data)
    return s.recv(65536)


def udp(address, text, port="5353"):
    print(exchange(address, text.encode(), int(port)).decode())


def big(address, length):
    data = random.randbytes(int(length))
    echo = exchange(address, data)
    print(len(echo) if echo == data else "differs")


try:
    {"serve": serve, "get": get, "late": get, "udp": udp, "big": big}[sys.argv[1]](*sys.argv[2:])
except TimeoutError:
    print("no answer")
    sys.exit(2)
except (ConnectionError, OSError) as e:
    print(e)
    sys.exit(1)
