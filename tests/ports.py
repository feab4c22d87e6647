"""Free TCP ports on loopback, for programs that must be told theirs before they listen."""

import random
import socket
from contextlib import ExitStack, suppress

LOOPBACK = "127.0.0.1"
# Below every system's ephemeral range (Linux begins it at 32768): a port out of that range is given to whoever next
# opens a connection, and the tests beside this one open thousands while a broker takes its seconds to start.
CHOICE = range(15_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on at this moment, and that no connection will be given."""
    chance = (
        random.SystemRandom()
    )  # not what a test has seeded: two workers would be led to the same ports
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            each = held.enter_context(socket.socket())
            with suppress(OSError):
                each.bind((LOOPBACK, chance.choice(CHOICE)))
                ports.append(each.getsockname()[1])
        return ports
