"""A runtime that answers as the path asks: rightly in odd ways, or wrongly in ways that happen."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection

ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]
ROOT = "/2018-06-01/runtime"
DELIMITER = b"\0" * 8
HEAD = {"statusCode": 200, "headers": {"content-type": "text/plain"}, "cookies": ["a=1"]}
PRELUDE = json.dumps(HEAD).encode()
STREAM = {
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Transfer-Encoding": "chunked",
    "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
}


def say(line):
    print(line, flush=True)


class Posting:
    """A request whose body is written piece by piece."""

    def __init__(self, path, headers):
        host, port = ADDRESS.split(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"POST {ROOT}/{path} HTTP/1.1", f"Host: {ADDRESS}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def chunk(self, data):
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self, trailers=b""):
        self._socket.sendall(b"0\r\n" + trailers + b"\r\n")
        with self._socket, self._socket.makefile("rb") as reply:
            return int((reply.readline() or b"- 0").split()[1])


def posted(path, body, headers=None):
    connection = HTTPConnection(ADDRESS)
    connection.request("POST", f"{ROOT}/{path}", body, headers or {})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status


def trailers(message):
    body = base64.b64encode(json.dumps({"errorType": "Broke", "errorMessage": message}).encode())
    return b"Lambda-Runtime-Function-Error-Type: Broke\r\nLambda-Runtime-Function-Error-Body: %b\r\n" % body


def act(name, id, event):
    response = f"invocation/{id}/response"
    match name:
        case "error":
            error = {"errorType": "Sad", "errorMessage": "not today"}
            say(f"error: {posted(f'invocation/{id}/error', json.dumps(error))}")
            return
        case "payload":
            posted(response, json.dumps({"statusCode": 200, "body": "in one piece"}))
            return
        case "bad-mode":
            say(f"mode: {posted(response, b'x', {'Lambda-Runtime-Function-Response-Mode': 'sideways'})}")
        case "bad-id":
            say(f"id: {posted('invocation/another/response', b'x')}")
        case "early":
            connection = HTTPConnection(ADDRESS)
            connection.request("GET", f"{ROOT}/invocation/next")
            say(f"next: {connection.getresponse().status}")
            connection.close()
        case "exit":
            os._exit(7)
        case "raw":
            posting = Posting(response, {**STREAM, "Content-Type": "text/plain"})
            posting.chunk(b"bytes alone")
            posting.end()
            return
    posting = Posting(response, STREAM)
    match name:
        case "straddle":
            for byte in PRELUDE + DELIMITER:
                posting.chunk(bytes([byte]))
            posting.chunk(b"one ")
            posting.chunk(b"two")
        case "no-delimiter":
            posting.chunk(PRELUDE)
        case "bad-prelude":
            posting.chunk(b"{" + DELIMITER + b"body")
        case "trailers":
            posting.chunk(PRELUDE + DELIMITER + b"begun")
            say(f"trailers: {posting.end(trailers('half-way'))}")
            return
        case "early-trailers":
            posting.chunk(PRELUDE[:5])
            posting.end(trailers("before the head"))
            return
        case "long-trailers":
            posting.chunk(PRELUDE + DELIMITER + b"begun")
            say(f"long trailers: {posting.end(trailers('x' * 4096))}")
            return
        case "die":
            posting.chunk(PRELUDE + DELIMITER + b"begun")
            os._exit(9)
        case "hang":
            posting.chunk(PRELUDE + DELIMITER + b"begun")
            time.sleep(60)  # longer than it may take
        case "many":
            posting.chunk(PRELUDE + DELIMITER)
            for _ in range(400):
                posting.chunk(b"x" * 65_536)
            say("many: said all")
        case "linger":
            posting.chunk(PRELUDE + DELIMITER + b"said")
            posting.end()
            say("linger: answered")
            time.sleep(0.3)  # what a runtime does between its answer and its next question
            say("linger: done")
            return
        case "child":
            child = subprocess.Popen(["sleep", "60"])
            posting.chunk(PRELUDE + DELIMITER + str(child.pid).encode())
        case _:
            posting.chunk(PRELUDE + DELIMITER + json.dumps({"pid": os.getpid(), "event": event}).encode())
    say(f"{name}: {posting.end()}")
    if name == "twice":
        say(f"second answer: {posted(response, b'{}')}")


def main():
    say(f"starts as {os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']}")
    connection = HTTPConnection(ADDRESS)
    if os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start":
        connection.request("GET", f"{ROOT}/restore/next")
        reply = connection.getresponse()
        reply.read()
        connection.close()
        say(f"restored: {reply.status}")
    while True:
        connection.request("GET", f"{ROOT}/invocation/next")
        reply = connection.getresponse()
        event = json.loads(reply.read())
        if reply.status != 200:
            say(f"refused: {reply.status}")
            sys.exit(1)
        path = event.get("path") or event["rawPath"]
        act(path.rpartition("/")[2], reply.headers["Lambda-Runtime-Aws-Request-Id"], event)


main()
