"""Whether Kafka lets us in: one connection with TLS and sign-in, and what was said.

The library tries again and again where it is refused, some ten times in eight seconds, and then says that nobody answered. So the
question is asked here: before the first client is made, and whenever one does not get through.
"""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress
from typing import Any, Final

from kafka.net.sasl import get_sasl_mechanism

from stream.kafka_settings import PASSWORD, KafkaSettings

WAIT: Final = 5.0  # seconds for each answer
_HANDSHAKE: Final = (17, 1)  # api key and version, https://kafka.apache.org/protocol
_AUTHENTICATE: Final = (36, 0)
_NO_SUCH_MECHANISM: Final = 33


def refusal(settings: KafkaSettings) -> str:
    """Why the first server that answers does not let us in; "" if it does, or if none answers."""
    for server in settings.servers:
        host, _, port = server.rpartition(":")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=WAIT) as plain:
            return _asked(settings, host, plain)
    return ""


def _asked(settings: KafkaSettings, host: str, link: socket.socket) -> str:
    if settings.protocol in ("SSL", "SASL_SSL"):
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        try:
            link = context.wrap_socket(link, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            return f"offers no trusted connection: {error.verify_message}"
        except ssl.SSLError as error:
            return f"offers no trusted connection: {error.reason or 'no TLS'}"
    with link:
        return _signed_in(settings, host, link) if settings.protocol.startswith("SASL") else ""


def _signed_in(settings: KafkaSettings, host: str, link: socket.socket) -> str:
    wrong = f'refuses user "{settings.username}": wrong name or password ({PASSWORD} or password_file)'
    name = settings.mechanism.encode()
    mechanism: Any = get_sasl_mechanism(settings.mechanism)(
        host=host,
        sasl_mechanism=settings.mechanism,
        sasl_plain_username=settings.username,
        sasl_plain_password=settings.password(),
    )
    answer = _exchange(link, _HANDSHAKE, struct.pack(">h", len(name)) + name)
    if struct.unpack_from(">h", answer)[0] == _NO_SUCH_MECHANISM:
        return f"does not take {settings.mechanism}: name another mechanism"
    while not mechanism.is_done():
        token = mechanism.auth_bytes()
        answer = _exchange(link, _AUTHENTICATE, struct.pack(">i", len(token)) + token)
        code, length = struct.unpack_from(">hh", answer)
        if code:
            return wrong
        mechanism.receive(answer[4 + max(0, length) + 4 :])
    return "" if mechanism.is_authenticated() else wrong


def _exchange(link: socket.socket, api: tuple[int, int], body: bytes) -> bytes:
    """A request of this kind, and the body of its answer. Raises OSError."""
    message = struct.pack(">hhih", *api, 1, -1) + body
    link.sendall(struct.pack(">i", len(message)) + message)
    (length,) = struct.unpack(">i", _exactly(link, 4))
    return _exactly(link, length)[4:]


def _exactly(link: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        if not (more := link.recv(count - len(found))):
            raise ConnectionResetError("the broker hung up")
        found += more
    return found
