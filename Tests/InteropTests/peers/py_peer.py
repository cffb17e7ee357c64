"""py-libp2p as a peer for the interop tests, with the commands and the output of interop-peer.

    py_peer.py listen [--seed S] [--key-type ed25519|secp256k1|rsa]
    py_peer.py dial ADDR [--only a,b] [--seed S] [--key-type T] [--key HEX,HEX] [--expect PEER,PEER]
"""

import argparse
import hashlib
import logging
import math
import os
import struct
import traceback

import multiaddr
import trio
from libp2p import new_host
from libp2p.crypto import ed25519, rsa, secp256k1
from libp2p.crypto.serialization import deserialize_public_key
from libp2p.host.ping import PingService
from libp2p.identity.identify.identify import parse_identify_response
from libp2p.identity.identify_push.identify_push import ID_PUSH, identify_push_handler_for, push_identify_to_peer
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.perf.perf_service import PerfService
from libp2p.tools.anyio_service import background_trio_service

ECHO = "/echo/1.0.0"
SINK = "/sink/1.0.0"
PERF = "/perf/1.0.0"
PUSH = "/interop/push/1.0.0"
PUSHED = "/interop/pushed/1.0.0"
LIFETIME = 300


def key_pair(arguments):
    seed = arguments.seed and hashlib.sha256(arguments.seed.encode()).digest()
    if arguments.key_type == "rsa":
        return rsa.create_new_key_pair()
    return {"ed25519": ed25519, "secp256k1": secp256k1}[arguments.key_type].create_new_key_pair(seed)


async def echo(stream):
    try:
        while data := await stream.read(65536):
            await stream.write(data)
    except Exception:
        pass
    await stream.close()


async def sink(stream):
    try:
        data = await read_to_end(stream)
        await stream.write(sink_answer(data))
        await stream.close()
    except Exception:
        await stream.reset()


def sink_answer(data):
    return struct.pack(">Q", len(data)) + hashlib.sha256(data).digest()


async def ignore(stream):
    await stream.close()


def push_handler(host):
    """Serves one protocol more from now on, says so to the asker, and answers with what it knows of that one."""

    async def push(stream):
        peer = stream.muxed_conn.peer_id
        host.set_stream_handler(PUSHED, ignore)
        await push_identify_to_peer(host, peer)
        known = host.get_peerstore().get_protocols(peer)
        await stream.write("".join(name + "\n" for name in known).encode())
        await stream.close()

    return push


async def read_exactly(stream, count):
    data = bytearray()
    while len(data) < count:
        piece = await stream.read(min(65536, count - len(data)))
        if not piece:
            raise EOFError(f"{len(data)} of {count} bytes")
        data += piece
    return bytes(data)


async def read_to_end(stream):
    data = bytearray()
    try:
        while piece := await stream.read(65536):
            data += piece
    except Exception as error:
        if "EOF" not in type(error).__name__:
            raise
    return bytes(data)


class Checks:
    def __init__(self, host, dht, address, arguments):
        self.host, self.dht, self.arguments = host, dht, arguments
        self.info = info_from_p2p_addr(multiaddr.Multiaddr(address))
        self.peer = self.info.peer_id

    async def connect(self):
        await self.host.connect(self.info)

    async def identify(self):
        stream = await self.host.new_stream(self.peer, ["/ipfs/id/1.0.0"])
        message = parse_identify_response(await read_to_end(stream))
        assert ID.from_pubkey(deserialize_public_key(message.public_key)) == self.peer
        assert "/ipfs/ping/1.0.0" in message.protocols and message.agent_version and message.observed_addr

    async def ping(self):
        times = await PingService(self.host).ping(self.peer, 3)
        assert len(times) == 3

    async def echo(self, size=1 << 20):
        stream = await self.host.new_stream(self.peer, [ECHO])
        sent = hashlib.shake_128(b"echo").digest(size)
        received = b""

        async def write():
            for start in range(0, size, 65536):
                await stream.write(sent[start : start + 65536])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            received = await read_exactly(stream, size)
        assert hashlib.sha256(received).digest() == hashlib.sha256(sent).digest()
        await stream.close_write()
        assert await read_to_end(stream) == b""

    async def echo_large(self):
        await self.echo(64 << 20)

    async def streams(self):
        async def one(index):
            stream = await self.host.new_stream(self.peer, [ECHO])
            words = bytes([index % 256]) * 8000
            await stream.write(words)
            assert await read_exactly(stream, len(words)) == words
            await stream.close()

        async with trio.open_nursery() as nursery:
            for index in range(200):
                nursery.start_soon(one, index)

    async def half_close(self):
        stream = await self.host.new_stream(self.peer, [ECHO])
        await stream.write(b"last words")
        await stream.close_write()
        assert await read_to_end(stream) == b"last words"

    async def push(self):
        take_in, (taken_in, pushed) = identify_push_handler_for(self.host), trio.open_memory_channel(math.inf)

        async def handle(stream):
            await take_in(stream)
            taken_in.send_nowait(None)

        self.host.set_stream_handler(ID_PUSH, handle)
        self.host.set_stream_handler(PUSHED, ignore)
        assert await push_identify_to_peer(self.host, self.peer)
        stream = await self.host.new_stream(self.peer, [PUSH])
        heard = (await read_to_end(stream)).decode().splitlines()
        assert PUSHED in heard, heard
        # The other side pushed before it answered; the task that takes it in may still be at it.
        with trio.fail_after(10):
            while PUSHED not in self.host.get_peerstore().get_protocols(self.peer):
                await pushed.receive()

    async def reset(self):
        for _ in range(20):
            stream = await self.host.new_stream(self.peer, [ECHO])
            await stream.write(bytes(100_000))
            await read_exactly(stream, 1000)
            await stream.reset()
        await self.echo(100_000)
        await self.ping()

    async def sink(self, size=16 << 20):
        stream = await self.host.new_stream(self.peer, [SINK])
        sent = hashlib.shake_128(b"sink").digest(size)
        for start in range(0, size, 65536):
            await stream.write(sent[start : start + 65536])
        await stream.close_write()
        assert await read_to_end(stream) == sink_answer(sent)

    async def perf(self, up=4 << 20, down=16 << 20):
        address = multiaddr.Multiaddr(self.arguments.address)
        results = [result async for result in PerfService(self.host).measure_performance(address, up, down)]
        assert (results[-1]["type"], results[-1]["download_bytes"]) == ("final", down), results[-1]

    async def unsupported(self):
        try:
            await self.host.new_stream(self.peer, ["/no/such/protocol/1.0.0"])
        except Exception:
            return await self.ping()
        raise AssertionError("a protocol that nobody speaks was accepted")

    async def find_node(self):
        await self.dht.add_peer(self.peer)
        found = await self.dht.peer_routing._query_peer_for_closest(self.peer, self.peer.to_bytes())
        assert self.peer in found, found

    async def provide(self):
        await self.dht.add_peer(self.peer)
        for key in self.arguments.key.split(","):
            assert await self.dht.provide(key)

    async def find_provider(self):
        await self.dht.add_peer(self.peer)
        for key, expected in zip(self.arguments.key.split(","), self.arguments.expect.split(",")):
            found = await self.dht.find_providers(key)
            assert expected in [str(provider.peer_id) for provider in found], found


async def listen(arguments):
    host = new_host(key_pair=key_pair(arguments))
    address = multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")
    async with host.run(listen_addrs=[address]):
        host.set_stream_handler(ECHO, echo)
        host.set_stream_handler(SINK, sink)
        host.set_stream_handler(PUSH, push_handler(host))
        await PerfService(host).start()
        dht = KadDHT(host, DHTMode.SERVER)
        async with background_trio_service(dht):
            for address in host.get_addrs():
                print("LISTEN", address, flush=True)
            print("READY", flush=True)
            await trio.sleep(LIFETIME)


async def dial(arguments):
    host = new_host(key_pair=key_pair(arguments))
    failures = 0
    async with host.run(listen_addrs=[multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        dht = KadDHT(host, DHTMode.SERVER)
        async with background_trio_service(dht):
            checks = Checks(host, dht, arguments.address, arguments)
            for name in ["connect"] + [name for name in arguments.only.split(",") if name != "connect"]:
                try:
                    with trio.fail_after(60):
                        await getattr(checks, name.replace("-", "_"))()
                    print("PASS", name, flush=True)
                except Exception as error:
                    failures += 1
                    traceback.print_exc()
                    print("FAIL", name, repr(error), flush=True)
            # Without waiting for the host's own services, which may take long to end.
            os._exit(1 if failures else 0)


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
for name in ["listen", "dial"]:
    command = commands.add_parser(name)
    command.add_argument("--seed")
    command.add_argument("--key-type", default="ed25519")
dialer = commands.choices["dial"]
dialer.add_argument("address")
dialer.add_argument("--only", default="connect,identify,ping,echo,half-close,unsupported")
dialer.add_argument("--key")
dialer.add_argument("--expect")
arguments = parser.parse_args()
logging.disable(logging.WARNING)
trio.run(listen if arguments.command == "listen" else dial, arguments)
