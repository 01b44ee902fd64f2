"""Every request of the gateway to an address that a caller named goes through here.

A caller may name any host, also one that resolves to this machine, to its network or to the
cloud's metadata service, and to another one at every question. So the name is resolved once,
every address that is found must be one of the public internet, and the connection is made to the
very address that was checked. TLS and the Host header still speak to the name. A redirect is a
request like any other: followed only where the client asks for it, and checked like the first.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Protocol, cast

import httpcore
import httpx

from models.errors import AddressRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

LONGEST_URL = 2_048
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
HOST = re.compile(rf"(?=.{{1,254}}$){LABEL}(\.{LABEL})*\.?", re.IGNORECASE)
NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)  # such a last label means an IPv4
RESOLVE_S = 5.0
NAMES_OF_US = (".localhost", ".local", ".internal", ".home.arpa", ".onion")

# What Python of this version counts as global, or that a cloud answers on to its own machines.
NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.88.99.0/24",  # relays from IPv6, withdrawn
        "168.63.129.16/32",  # Azure's wire server
        "2001::/23",  # protocol assignments, Teredo
        "3fff::/20",  # documentation
    )
)
NATIVE = ipaddress.ip_network("2000::/3")  # all that is handed out of IPv6
NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Policy:
    """What may be called. The networks are the operator's exceptions to the public internet."""

    networks: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})
    plain_http: bool = False

    @classmethod
    def of(cls, networks: Iterable[str], ports: Iterable[int], *, plain_http: bool) -> "Policy":
        found = tuple(ipaddress.ip_network(network) for network in networks)
        return cls(found, frozenset(ports), plain_http)

    def check_url(self, url: str) -> None:
        """What can be said without resolving. Raises AddressRefused."""
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise AddressRefused(
                f"the address is over {LONGEST_URL} characters or has some that an address "
                "cannot have: encode them"
            )
        try:
            parsed = httpx.URL(url)
            self._check(parsed.scheme, parsed.host, parsed.port)
        except httpx.InvalidURL as error:
            raise AddressRefused(f"{url[:80]} is no address: use https://HOST/…") from error
        if parsed.userinfo:
            raise AddressRefused("the address holds a password: put none into it")

    def _check(self, scheme: str, host: str, port: int | None) -> None:
        if scheme not in (("https", "http") if self.plain_http else ("https",)):
            raise AddressRefused(f"{scheme or 'no scheme'}:// cannot be called: use https://")
        self.check_port(port or (443 if scheme == "https" else 80))
        self.check_host(host)

    def check_port(self, port: int) -> None:
        if port not in self.ports:
            allowed = ", ".join(map(str, sorted(self.ports)))
            raise AddressRefused(f"port {port} cannot be called: use {allowed}")

    def check_host(self, host: str) -> None:
        """A name, or an address as everybody writes it: not 0x7f.1, 2130706433 or fe80::1%eth0."""
        try:
            return self.check_address(host)
        except ValueError:
            pass
        last = host.rstrip(".").rpartition(".")[2]
        if not HOST.fullmatch(host) or NUMBER.fullmatch(last):
            raise AddressRefused(f"{host[:80]!r} is no host: use its name")
        name = f".{host.rstrip('.').lower()}"
        if name.endswith(NAMES_OF_US) and not self.networks:
            raise _not_public(host)

    def check_address(self, text: str) -> None:
        """Raises AddressRefused, and ValueError where it is no address."""
        address = ipaddress.ip_address(text)
        if any(address in network for network in self.networks):
            return
        if not is_public(address):
            raise _not_public(text)


def is_public(address: Address) -> bool:
    """Of the public internet, also what an IPv6 address carries inside."""
    if any(address in network for network in NOT_PUBLIC):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    return address in NATIVE and address.is_global


async def resolve(host: str, port: int) -> Sequence[str]:
    """The machine's own resolver. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only."""

    def __init__(self, policy: Policy, resolver: Resolver) -> None:
        self._policy, self._resolver = policy, resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self._policy.check_port(port)
        failed: Exception | None = None
        for address in await self._checked(host, port):
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        """Raises AddressRefused where a single one of them is not public."""
        self._policy.check_host(host)
        try:
            found = await asyncio.wait_for(self._resolver(host, port), RESOLVE_S)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} is not resolved") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} is not known") from error
        for address in found:
            self._policy.check_address(address)
        return found[:4]

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("a local socket cannot be called: use https://")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Guarded(httpx.AsyncBaseTransport):
    """An httpx transport: `httpx.AsyncClient(transport=Guarded(policy), trust_env=False)`."""

    def __init__(
        self,
        policy: Policy,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        connections: int = 200,
    ) -> None:
        self._policy = policy
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=connections,
            max_keepalive_connections=0,  # a kept connection would outlive its check
            network_backend=_Backend(policy, resolver),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._policy.check_url(str(request.url))
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _translated(request):
            answer = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=url,
                    headers=request.headers.raw,
                    content=cast("AsyncIterator[bytes]", request.stream),
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(request, cast(_Closable, answer.stream)),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Closable(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class _Body(httpx.AsyncByteStream):
    def __init__(self, request: httpx.Request, stream: _Closable) -> None:
        self._request, self._stream = request, stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._request):
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


@contextmanager
def _translated(request: httpx.Request) -> Iterator[None]:
    """The network layer's errors as those of httpx, which have the same names."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        kind = getattr(httpx, type(error).__name__)
        raise kind(str(error), request=request) from error


def _not_public(host: str) -> AddressRefused:
    return AddressRefused(
        f"{host[:80]} is no address of the public internet: use one that others reach too"
    )
