"""A network beside a container's, in which its owner listens: so the container itself may use the same ports.

Run by the launcher, before the container's root has changed. Standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNET = 0x40000000
RTM_NEWLINK, REQUEST, ACKNOWLEDGED, EXCLUSIVE, CREATE = 16, 0x1, 0x4, 0x200, 0x400
IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_PID, NESTED = 3, 18, 19, 0x8000
INFO_KIND, INFO_DATA, VETH_INFO_PEER = 1, 2, 1
SIOCSIFADDR, SIOCSIFNETMASK, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x891C, 0x8913, 0x8914, 0x1
HERE, THERE, OWN_ADDRESS, MASK = "side0", "side1", "192.0.2.1", "255.255.255.0"
"""The two ends; the addresses are those of examples (RFC 5737), so they are nobody's."""


def listen(listens: list[tuple[str, int]], accepting: int) -> None:
    """Listen on these addresses and ports, and hand what connects to the owner, as its number and a descriptor.

    Of the containers that share a network, the first one has the side network; when it ends, the next one to start.
    """
    if any(name == HERE for _, name in socket.if_nameindex()):
        return
    ready, made = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _serve(listens, socket.socket(fileno=accepting), ready[1], made[0])
        finally:
            os._exit(1)
    os.close(ready[1])
    if os.read(ready[0], 1) != b"n":
        raise OSError("there is no network namespace for the names of Service Connect")
    _join(child)
    _configure(HERE, [OWN_ADDRESS])
    os.write(made[1], b"m")
    if os.read(ready[0], 1) != b"l":
        raise OSError("nothing listens for the names of Service Connect")


def _serve(listens: list[tuple[str, int]], owner: socket.socket, ready: int, made: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return
    os.write(ready, b"n")
    os.read(made, 1)
    _configure(THERE, list(dict.fromkeys(address for address, _ in listens)))
    servers = []
    for address, port in listens:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.bind((address, port))
        server.listen(64)
        servers.append(server)
    os.write(ready, b"l")
    _hand_over(servers, owner)


def _hand_over(servers: list[socket.socket], owner: socket.socket) -> None:
    import selectors  # the launcher has it already

    selector = selectors.DefaultSelector()
    for number, server in enumerate(servers):
        selector.register(server, selectors.EVENT_READ, number)
    while True:
        for key, _ in selector.select():
            client, _ = servers[key.data].accept()
            with client:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", client.fileno()))
                owner.sendmsg([str(key.data).encode()], [rights])


def _join(child: int) -> None:
    """Make the pair of interfaces that leads from this network to the child's, as `ip link add … type veth` does."""
    header = struct.pack("BxHiII", 0, 0, 0, 0, 0)
    peer = header + _attribute(IFLA_IFNAME, THERE.encode() + b"\0")
    peer += _attribute(IFLA_NET_NS_PID, struct.pack("I", child))
    data = _attribute(INFO_DATA | NESTED, _attribute(VETH_INFO_PEER | NESTED, peer))
    link = _attribute(INFO_KIND, b"veth\0") + data
    body = header + _attribute(IFLA_IFNAME, HERE.encode() + b"\0") + _attribute(IFLA_LINKINFO | NESTED, link)
    flags = REQUEST | ACKNOWLEDGED | CREATE | EXCLUSIVE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(struct.pack("IHHII", 16 + len(body), RTM_NEWLINK, flags, 1, 0) + body)
        (error,) = struct.unpack_from("i", kernel.recv(4096), 16)
    if error:
        raise OSError(-error, f"veth, for the names of Service Connect: {os.strerror(-error)}")


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _configure(interface: str, addresses: list[str]) -> None:
    """Give an interface its addresses, and bring it up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def change(name: str, request: int, value: bytes) -> bytes:
            return fcntl.ioctl(control, request, struct.pack("16s", name.encode()) + value)

        for number, address in enumerate(addresses):
            name = f"{interface}:{number}" if number else interface
            for request, host in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, MASK)):
                change(name, request, struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(host)) + bytes(8))
        (flags,) = struct.unpack_from("H", change(interface, SIOCGIFFLAGS, bytes(24)), 16)
        change(interface, SIOCSIFFLAGS, struct.pack("H22x", flags | IFF_UP))
