"""go-libp2p's p2pd as a peer for the interop tests, with the commands and the output of interop-peer.

    go_peer.py P2PD listen [--seed S] [--key-type ed25519|rsa|ecdsa|secp256k1]
    go_peer.py P2PD dial ADDR [--only a,b] [--seed S] [--key-type T] [--key HEX,HEX] [--expect PEER,PEER]

p2pd is steered over its control socket: varint-framed protobuf, one connection a stream (go-libp2p-daemon, specs/CONTROL.md).
"""

import argparse
import concurrent.futures
import contextlib
import functools
import hashlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ECHO = "/echo/1.0.0"
PUSH = "/interop/push/1.0.0"
PUSHED = "/interop/pushed/1.0.0"
SOURCE = "/interop/source/1.0.0"
LIFETIME = 300

# The step and its answer that KwaaiNet's nodes agree on, in MessagePack: the bytes as a string of bytes, which Swift nodes
# write, and as an array of integers, which Rust nodes write. Everybody reads both.
INFERENCE = "/kwaai/inference/1.0.0"
STEP = "85aa73657373696f6e5f6964cd3039a77365715f706f7300ac7061796c6f61645f74797065a9746f6b656e5f696473a573686170659104a464617461"
STEPS = [
    bytes.fromhex(STEP + "c410010000002a000000e7030000007d0000"),
    bytes.fromhex(STEP + "dc0010010000002a000000cce7030000007d0000"),
]
ANSWER = "85aa73657373696f6e5f6964cd3039ad726573706f6e73655f74797065a66c6f67697473a5736861706593010104a464617461"
ANSWERS = [
    bytes.fromhex(ANSWER + "c408003c0040004200c4" + "a56572726f72c0"),
    bytes.fromhex(ANSWER + "98003c0040004200ccc4" + "a56572726f72c0"),
]
# A step that is answered only when its caller gives up; two that are answered as soon as such a step waits, and as soon as
# one has been cancelled; and the answer to those, but for the text.
TOKEN = "85aa73657373696f6e5f6964cd3039a77365715f706f7300ac7061796c6f61645f74797065a9746f6b656e5f696473a573686170659101a464617461"
WAITING, UNTIL_ONE_WAITS, UNTIL_ONE_IS_CANCELLED = (
    bytes.fromhex(TOKEN + "c404") + bytes([token, 0, 0, 0]) for token in (7, 8, 9)
)
ERROR = bytes.fromhex(
    "85aa73657373696f6e5f696400ad726573706f6e73655f74797065ad68696464656e5f737461746573a5736861706590a46461746190a56572726f72"
)
# Unary calls by names without a slash. p2pd takes 4 MiB with the frame; our peers stay 1 KiB below.
UNARY_ECHO, UNARY_FAILURE = "InteropProtocol.rpc_echo", "InteropProtocol.rpc_fail"
LARGE = (4 << 20) - 1024
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


# Protobuf, as much of it as the control protocol needs.

def uvarint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return uvarint(number << 3) + uvarint(value)
    value = value.encode() if isinstance(value, str) else value
    return uvarint(number << 3 | 2) + uvarint(len(value)) + value


def parse(data):
    """The fields of a message: number -> list of values."""
    fields, position = {}, 0

    def number():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        tag = number()
        if tag & 7 == 0:
            value = number()
        else:
            length = number()
            value = data[position : position + length]
            position += length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


# Peer ids and addresses.

def decode58(text):
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def address_bytes(text):
    """/ip4/A/tcp/P/p2p/ID -> (binary address without the id, binary id)"""
    _, ip4, host, tcp, port, p2p, peer = text.split("/")
    assert (ip4, tcp, p2p) == ("ip4", "tcp", "p2p")
    return b"\x04" + socket.inet_aton(host) + b"\x06" + int(port).to_bytes(2, "big"), decode58(peer)


class Daemon:
    """A running p2pd and its control socket."""

    def __init__(self, program, folder, seed, key_type):
        self.folder = folder
        self.path = os.path.join(folder, "control.sock")
        options = []
        if seed is not None or key_type != "ed25519":
            options = ["-id", self.write_key(os.path.join(folder, "key"), seed, key_type)]
        self.process = subprocess.Popen(
            [program, "-listen", "/unix" + self.path, "-hostAddrs", "/ip4/127.0.0.1/tcp/0", "-tls=false", "-dhtServer"]
            + ["-bootstrapPeers", "", "-relayService=0"] + options,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # It says where its control socket is once somebody listens there; nothing that it prints later fills a pipe.
        if not self.process.stdout.readline().startswith(b"Control socket:"):
            raise RuntimeError("p2pd did not start")

    @staticmethod
    def write_key(path, seed, key_type):
        """A private key in libp2p's encoding: only Ed25519's is made from the seed."""

        def openssl(*arguments, input=None):
            return subprocess.run(["openssl", *arguments], input=input, capture_output=True, check=True).stdout

        if key_type == "ed25519":
            seed = hashlib.sha256(seed.encode()).digest()
            information = bytes.fromhex("302e020100300506032b657004220420") + seed
            kind, key = 1, seed + openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", input=information)[-32:]
        elif key_type == "rsa":
            kind, key = 0, openssl("rsa", "-traditional", "-outform", "DER", input=openssl("genrsa", "2048"))
        else:
            curve = {"ecdsa": "prime256v1", "secp256k1": "secp256k1"}[key_type]
            key = openssl("ec", "-outform", "DER", input=openssl("ecparam", "-genkey", "-noout", "-name", curve))
            # Of secp256k1 only the number itself: ECPrivateKey is a sequence of the version, 1, and that number.
            kind, key = (3, key) if key_type == "ecdsa" else (2, key[7:39])
        with open(path, "wb") as file:
            file.write(field(1, kind) + field(2, key))
        return path

    def connection(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(self.path)
        return connection

    def request(self, body, connection=None):
        connection = connection or self.connection()
        send_frame(connection, body)
        response = parse(read_frame(connection))
        if response[1][0] != 0:
            raise RuntimeError(parse(response[2][0])[1][0].decode())
        return response

    def identity(self):
        message = parse(self.request(field(1, 0))[4][0])
        return message[1][0], message.get(2, [])

    def open(self, peer, protocol):
        connection = self.connection()
        self.request(field(1, 2) + field(3, field(1, peer) + field(2, protocol) + field(3, 10)), connection)
        return connection

    def serve(self, protocol, body):
        """Runs `body` in a thread with the connection of each stream of `protocol`."""
        path = os.path.join(self.folder, protocol.replace("/", "_") + ".sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        # p2pd connects to it for each stream and drops those for which there is no room.
        listener.listen(256)
        address = uvarint(400) + uvarint(len(path)) + path.encode()
        self.request(field(1, 3) + field(4, field(1, address) + field(2, protocol) + field(3, 0)))

        def serve(connection):
            with contextlib.suppress(OSError, EOFError), connection:
                read_frame(connection)
                body(connection)

        def accept():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=[connection], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def unary(self):
        """A connection for unary calls, in both directions."""
        connection = self.connection()
        self.request(field(1, 9), connection)
        return connection

    def dht(self, body):
        """The values of a DHT request: as many as a streaming one has, the one of a plain one, if it has any."""
        connection = self.connection()
        response = self.request(field(1, 4) + field(5, body + field(7, 20)), connection)
        if 5 not in response:
            return []
        first = parse(response[5][0])
        if first[1][0] != 0:
            return [first]
        values = []
        while True:
            message = parse(read_frame(connection))
            if message[1][0] == 2:
                return values
            values.append(message)


def read_exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {count} bytes")
        data += piece
    return bytes(data)


def read_to_end(connection):
    data = bytearray()
    while piece := connection.recv(65536):
        data += piece
    return bytes(data)


def send_frame(connection, body):
    connection.sendall(uvarint(len(body)) + body)


def read_frame(connection):
    length = shift = 0
    while True:
        byte = read_exactly(connection, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return read_exactly(connection, length)


class Checks:
    def __init__(self, daemon, arguments):
        self.daemon, self.arguments = daemon, arguments
        self.address, self.peer = address_bytes(arguments.address)

    def connect(self):
        self.daemon.request(field(1, 1) + field(2, field(1, self.peer) + field(2, self.address) + field(3, 10)))

    def identify(self):
        connection = self.daemon.open(self.peer, "/ipfs/id/1.0.0")
        message = parse(read_frame(connection))
        assert self.peer == b"\0" + bytes([len(message[1][0])]) + message[1][0]
        assert b"/ipfs/ping/1.0.0" in message[3] and message[6][0] and message[4][0]

    def ping(self):
        connection = self.daemon.open(self.peer, "/ipfs/ping/1.0.0")
        for _ in range(3):
            payload = os.urandom(32)
            connection.sendall(payload)
            assert read_exactly(connection, 32) == payload
        connection.close()

    def echo(self, size=1 << 20):
        connection = self.daemon.open(self.peer, ECHO)
        sent = hashlib.shake_128(b"echo").digest(size)
        writer = threading.Thread(target=connection.sendall, args=[sent])
        writer.start()
        received = read_exactly(connection, size)
        writer.join()
        assert hashlib.sha256(received).digest() == hashlib.sha256(sent).digest()
        connection.close()

    def echo_large(self):
        self.echo(64 << 20)

    def streams(self):
        def one(index):
            words = bytes([index % 256]) * 8000
            with contextlib.closing(self.daemon.open(self.peer, ECHO)) as connection:
                connection.sendall(words)
                assert read_exactly(connection, len(words)) == words

        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            list(pool.map(one, range(200)))

    def push(self):
        # p2pd tells its peers as soon as it serves something new; the listener answers once it has heard of it.
        self.daemon.serve(PUSHED, ignore)
        with contextlib.closing(self.daemon.open(self.peer, PUSH)) as connection:
            heard = read_to_end(connection).decode().splitlines()
        assert PUSHED in heard, heard

    def reset(self):
        for _ in range(20):
            connection = self.daemon.open(self.peer, ECHO)
            connection.sendall(bytes(100_000))
            read_exactly(connection, 1000)
            # Closed with bytes unread: p2pd can write no more to it, and resets the stream.
            connection.close()
        self.echo(100_000)
        self.ping()

    def inference(self):
        for step in STEPS:
            answer = self.call(INFERENCE, step)
            assert answer == {1: ANSWERS[:1]}, answer

    @functools.cached_property
    def calls(self):
        # p2pd ends with the last connection of this kind, so this one stays.
        return self.daemon.unary()

    def call(self, protocol, data):
        """What the callee answers: its bytes as field 1, or why it failed as field 2."""
        identifier = os.urandom(16)
        call = field(1, self.peer) + field(2, protocol) + field(3, data)
        send_frame(self.calls, field(1, identifier) + field(3, call))
        # What p2pd says of a call that was cancelled may come before.
        while (response := parse(read_frame(self.calls)))[1][0] != identifier:
            pass
        assert 2 in response, response
        return parse(response[2][0])

    def unary_name(self):
        assert self.call(UNARY_ECHO, b"abc") == {1: [b"abc"]}

    def unary_large(self):
        data = hashlib.shake_128(b"large").digest(LARGE)
        assert self.call(UNARY_ECHO, data) == {1: [data]}

    def unary_error(self):
        answer = self.call(UNARY_FAILURE, b"")
        assert answer == {2: [b"handler exploded"]}, answer

    def cancel(self):
        waiting = os.urandom(16)
        send_frame(self.calls, field(1, waiting) + field(3, field(1, self.peer) + field(2, INFERENCE) + field(3, WAITING)))
        # Each is answered as soon as it is so.
        assert b"one waits" in self.call(INFERENCE, UNTIL_ONE_WAITS)[1][0]
        send_frame(self.calls, field(1, waiting) + field(5, b""))
        assert b"one is cancelled" in self.call(INFERENCE, UNTIL_ONE_IS_CANCELLED)[1][0]

    def unsupported(self):
        try:
            self.daemon.open(self.peer, "/no/such/protocol/1.0.0")
        except RuntimeError as error:
            assert "not supported" in str(error), error
            return self.ping()
        raise AssertionError("a protocol that nobody speaks was accepted")

    @staticmethod
    def content(key):
        # CIDv1, raw: its multihash is the key.
        return b"\x01\x55" + bytes.fromhex(key)

    def patiently(self, request, is_enough=lambda values: True):
        """The daemon's routing table takes a peer in some time after the connection, and p2pd has no event for that: it can
        only be asked again."""
        answer = None
        for attempt in range(40):
            time.sleep(0.1 * min(attempt, 1))
            try:
                answer = self.daemon.dht(request)
                if is_enough(answer):
                    return
            except RuntimeError as error:
                answer = error
        raise AssertionError(answer)

    def find_node(self):
        self.patiently(field(1, 3) + field(4, self.peer), lambda values: self.peer in [value[3][0] for value in values])

    def public_key(self):
        peer, _ = self.daemon.identity()
        # An Ed25519 id is the identity multihash of the encoded key.
        return b"/pk/" + peer, peer[2:]

    def put(self):
        key, value = self.public_key()
        self.patiently(field(1, 7) + field(4, key) + field(5, value))

    def get(self):
        key, value = self.public_key()
        self.patiently(field(1, 5) + field(4, key), lambda values: [found[3] for found in values] == [[value]])

    def provide(self):
        for key in self.arguments.key.split(","):
            self.patiently(field(1, 8) + field(3, self.content(key)))
        # ADD_PROVIDER has no answer, but what follows on the connection has: now it has arrived.
        self.ping()

    def find_provider(self):
        for key, expected in zip(self.arguments.key.split(","), self.arguments.expect.split(",")):
            request = field(1, 2) + field(3, self.content(key)) + field(6, 20)
            provider = decode58(expected)
            self.patiently(request, lambda found: provider in [parse(message[2][0])[1][0] for message in found])


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def ignore(connection):
    pass


def serve_push(daemon):
    """Serves one protocol more, once asked to; p2pd pushes that to its peers, and tells nobody what it knows of them."""
    only_once = threading.Lock()

    def push(connection):
        if only_once.acquire(blocking=False):
            daemon.serve(PUSHED, ignore)
        connection.sendall(b"-\n")

    daemon.serve(PUSH, push)


def source(connection):
    connection.sendall(bytes(int.from_bytes(read_exactly(connection, 8), "big")))


def serve_unary(daemon):
    connection = daemon.unary()
    connection.settimeout(None)
    for protocol in [INFERENCE, UNARY_ECHO, UNARY_FAILURE]:
        identifier = os.urandom(16)
        send_frame(connection, field(1, identifier) + field(2, field(1, protocol) + field(2, 0)))
        added = parse(read_frame(connection))
        assert added == {1: [identifier]}, added

    def answer(identifier, result):
        send_frame(connection, field(1, identifier) + field(4, result))

    def report(identifier, text):
        answer(identifier, field(1, ERROR + bytes([0xA0 | len(text)]) + text.encode()))

    def run():
        # Calls that wait to be cancelled, those who ask for each, and how many were cancelled that nobody has asked for.
        answers, waiting, cancelled = itertools.cycle(ANSWERS), set(), 0
        askers = {UNTIL_ONE_WAITS: [], UNTIL_ONE_IS_CANCELLED: []}
        while True:
            request = parse(read_frame(connection))
            identifier = request[1][0]
            if 5 in request:
                cancelled += len(waiting & {identifier})
                waiting -= {identifier}
            else:
                call = parse(request[3][0])
                name, step = call[2][0].decode(), call[3][0]
                if name == UNARY_ECHO:
                    answer(identifier, field(1, step))
                elif name == UNARY_FAILURE:
                    answer(identifier, field(2, "handler exploded"))
                elif step == WAITING:
                    waiting.add(identifier)
                elif step in askers:
                    askers[step].append(identifier)
                elif step in STEPS:
                    answer(identifier, field(1, next(answers)))
                else:
                    answer(identifier, field(2, "another step: " + step.hex()))
            while waiting and askers[UNTIL_ONE_WAITS]:
                report(askers[UNTIL_ONE_WAITS].pop(), "one waits")
            while cancelled and askers[UNTIL_ONE_IS_CANCELLED]:
                report(askers[UNTIL_ONE_IS_CANCELLED].pop(), "one is cancelled")
                cancelled -= 1

    threading.Thread(target=run, daemon=True).start()


def listen(daemon):
    daemon.serve(ECHO, echo)
    serve_push(daemon)
    serve_unary(daemon)
    daemon.serve(SOURCE, source)
    peer, addresses = daemon.identity()
    for address in addresses:
        # Only TCP: a QUIC address starts alike, but has UDP's code here.
        if address[0] == 4 and address[5] == 6:
            port = int.from_bytes(address[6:8], "big")
            print(f"LISTEN /ip4/{socket.inet_ntoa(address[1:5])}/tcp/{port}/p2p/{encode58(peer)}", flush=True)
    print("READY", flush=True)
    # To the end of p2pd, or of whoever has forgotten this listener.
    daemon.process.wait(LIFETIME)


def dial(daemon, arguments):
    checks, failures = Checks(daemon, arguments), 0
    for name in ["connect"] + [name for name in arguments.only.split(",") if name != "connect"]:
        try:
            getattr(checks, name.replace("-", "_"))()
            print("PASS", name, flush=True)
        except Exception as error:
            failures += 1
            traceback.print_exc()
            print("FAIL", name, repr(error), flush=True)
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("p2pd")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ["listen", "dial"]:
        command = commands.add_parser(name)
        command.add_argument("--seed")
        command.add_argument("--key-type", default="ed25519")
    dialer = commands.choices["dial"]
    dialer.add_argument("address")
    dialer.add_argument("--only", default="connect,identify,ping,echo,unsupported")
    dialer.add_argument("--key")
    dialer.add_argument("--expect")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="p2pd-") as folder:
        daemon = Daemon(arguments.p2pd, folder, arguments.seed, arguments.key_type)
        # A terminated script ends its daemon, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            return listen(daemon) if arguments.command == "listen" else dial(daemon, arguments)
        finally:
            daemon.process.kill()
            daemon.process.wait()


sys.exit(main())
