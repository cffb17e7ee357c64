"""py-libp2p as a peer for the interop tests, with the commands and the output of interop-peer.

    py_peer.py listen [--seed S]
    py_peer.py dial ADDR [--only a,b] [--seed S] [--key HEX] [--expect PEER]
"""

import argparse
import hashlib
import logging
import os
import traceback

import multiaddr
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.serialization import deserialize_public_key
from libp2p.host.ping import PingService
from libp2p.identity.identify.identify import parse_identify_response
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.tools.anyio_service import background_trio_service

ECHO = "/echo/1.0.0"
LIFETIME = 300


def key_pair(seed):
    if seed is None:
        return create_new_key_pair()
    return create_new_key_pair(hashlib.sha256(seed.encode()).digest())


async def echo(stream):
    try:
        while data := await stream.read(65536):
            await stream.write(data)
    except Exception:
        pass
    await stream.close()


async def read_exactly(stream, count):
    data = bytearray()
    while len(data) < count:
        piece = await stream.read(min(65536, count - len(data)))
        if not piece:
            raise EOFError(f"{len(data)} of {count} bytes")
        data += piece
    return bytes(data)


async def read_to_end(stream):
    data = b""
    try:
        while piece := await stream.read(65536):
            data += piece
    except Exception as error:
        if "EOF" not in type(error).__name__:
            raise
    return data


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

    async def unsupported(self):
        try:
            await self.host.new_stream(self.peer, ["/no/such/protocol/1.0.0"])
        except Exception:
            return await self.ping()
        raise AssertionError("a protocol that nobody speaks was accepted")

    async def provide(self):
        await self.dht.add_peer(self.peer)
        assert await self.dht.provide(self.arguments.key)

    async def find_provider(self):
        await self.dht.add_peer(self.peer)
        found = await self.dht.find_providers(self.arguments.key)
        assert self.arguments.expect in [str(provider.peer_id) for provider in found], found


async def listen(arguments):
    host = new_host(key_pair=key_pair(arguments.seed))
    address = multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")
    async with host.run(listen_addrs=[address]):
        host.set_stream_handler(ECHO, echo)
        dht = KadDHT(host, DHTMode.SERVER)
        async with background_trio_service(dht):
            for address in host.get_addrs():
                print("LISTEN", address, flush=True)
            print("READY", flush=True)
            await trio.sleep(LIFETIME)


async def dial(arguments):
    host = new_host(key_pair=key_pair(arguments.seed))
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
dialer = commands.choices["dial"]
dialer.add_argument("address")
dialer.add_argument("--only", default="connect,identify,ping,echo,half-close,unsupported")
dialer.add_argument("--key")
dialer.add_argument("--expect")
arguments = parser.parse_args()
logging.disable(logging.WARNING)
trio.run(listen if arguments.command == "listen" else dial, arguments)
