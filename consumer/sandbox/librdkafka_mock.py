"""librdkafka's mock cluster, held by its C functions in the library that confluent-kafka has loaded.

librdkafka calls this part of its API experimental: no promise is made about it from release to release. So every
function is declared here, once, and `load` answers None rather than guess where one of them is missing.
"""

import ctypes
import threading
from collections.abc import Iterable, Iterator
from ctypes import POINTER, c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from pathlib import Path
from typing import Any, Final

import confluent_kafka
from confluent_kafka import cimpl

_ERROR_TEXT_BYTES: Final = 512
_PRODUCER: Final = 0
CLOSED: Final = "the embedded Kafka cluster is closed"

# name: (what it returns, what it takes). Handles are void pointers: the default, int, would cut them to 32 bits.
_FUNCTIONS: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "rd_kafka_conf_new": (c_void_p, ()),
    "rd_kafka_conf_set": (c_int, (c_void_p, c_char_p, c_char_p, c_char_p, c_size_t)),
    "rd_kafka_conf_destroy": (None, (c_void_p,)),
    "rd_kafka_new": (c_void_p, (c_int, c_void_p, c_char_p, c_size_t)),
    "rd_kafka_destroy": (None, (c_void_p,)),
    "rd_kafka_err2str": (c_char_p, (c_int,)),
    "rd_kafka_mock_cluster_new": (c_void_p, (c_void_p, c_int)),
    "rd_kafka_mock_cluster_destroy": (None, (c_void_p,)),
    "rd_kafka_mock_cluster_bootstraps": (c_char_p, (c_void_p,)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (c_void_p, c_int32)),
    "rd_kafka_mock_topic_create": (c_int, (c_void_p, c_char_p, c_int, c_int)),
    "rd_kafka_mock_topic_set_error": (None, (c_void_p, c_char_p, c_int)),
    "rd_kafka_mock_push_request_errors_array": (
        None,
        (c_void_p, c_int16, c_size_t, POINTER(c_int)),
    ),
    "rd_kafka_mock_clear_request_errors": (None, (c_void_p, c_int16)),
    "rd_kafka_mock_broker_set_down": (c_int, (c_void_p, c_int32)),
    "rd_kafka_mock_broker_set_up": (c_int, (c_void_p, c_int32)),
    "rd_kafka_mock_broker_set_rtt": (c_int, (c_void_p, c_int32, c_int)),
}


class EmbeddedKafkaError(RuntimeError):
    """The cluster could not be started or changed: what was wanted, and what librdkafka answered."""


class MockCluster:
    """One mock cluster, from construction to `close`.

    Any thread may call it. Every method raises `EmbeddedKafkaError` where librdkafka refuses and after `close`.
    """

    def __init__(self, library: ctypes.CDLL, *, brokers: int) -> None:
        self._library = library
        # Held during every call, so that nobody closes the cluster under another thread's hands.
        self._lock = threading.Lock()
        self._client = _new_client(library)
        self._handle: int | None = library.rd_kafka_mock_cluster_new(self._client, brokers)
        if self._handle is None:
            library.rd_kafka_destroy(self._client)
            message = f"librdkafka could not start a mock cluster of {brokers} brokers"
            raise EmbeddedKafkaError(message)
        # Otherwise the first member of every group waits 3 seconds for others.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._handle, 0)
        bootstraps: bytes = library.rd_kafka_mock_cluster_bootstraps(self._handle)
        self.bootstrap_servers = bootstraps.decode()

    def tell(self, function: str, *arguments: object) -> None:
        """Call a function that returns nothing, with the cluster as its first argument."""
        self._call(function, *arguments)

    def ask(self, function: str, *arguments: object) -> None:
        """Call a function that returns an error code, with the cluster as its first argument."""
        answer = self._call(function, *arguments)
        if answer != 0:
            reason = self._library.rd_kafka_err2str(answer).decode()
            told = ", ".join(str(argument) for argument in arguments)
            message = f"{function}({told}) was refused by librdkafka: {reason} ({answer})"
            raise EmbeddedKafkaError(message)

    def close(self) -> None:
        """Stop the brokers and give everything back. Closing again does nothing."""
        with self._lock:
            handle, self._handle = self._handle, None
            if handle is not None:
                # The cluster first: it works on the client's queues until it is gone.
                self._library.rd_kafka_mock_cluster_destroy(handle)
                self._library.rd_kafka_destroy(self._client)

    def _call(self, function: str, *arguments: object) -> int | None:
        with self._lock:
            if self._handle is None:
                raise EmbeddedKafkaError(CLOSED)
            answer: int | None = getattr(self._library, function)(self._handle, *arguments)
            return answer


def load(paths: Iterable[Path] | None = None) -> ctypes.CDLL | None:
    """Return librdkafka with every function above declared, or None where one of them cannot be found.

    `paths` are the files to try, best first; the files of the installed confluent-kafka when left out.
    """
    for path in _candidates() if paths is None else paths:
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        if all(hasattr(library, name) for name in _FUNCTIONS):
            for name, (returns, takes) in _FUNCTIONS.items():
                function = getattr(library, name)
                function.restype = returns
                function.argtypes = takes
            return library
    return None


def _candidates() -> Iterator[Path]:
    """Yield the extension module first: looking a name up in it also searches the libraries it was linked with."""
    if cimpl.__file__ is not None:
        yield Path(cimpl.__file__)
    package = Path(confluent_kafka.__path__[0])
    yield from sorted((package.parent / "confluent_kafka.libs").glob("librdkafka*.so*"))
    yield from sorted((package / ".dylibs").glob("librdkafka*.dylib"))


def _new_client(library: ctypes.CDLL) -> int:
    """Return the handle of the idle client a mock cluster must hang on. The caller destroys it."""
    text = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
    settings = library.rd_kafka_conf_new()
    # It has no brokers of its own and would say so on stderr; only what is critical is let through.
    library.rd_kafka_conf_set(settings, b"log_level", b"2", text, len(text))
    client: int | None = library.rd_kafka_new(_PRODUCER, settings, text, len(text))
    if client is None:
        library.rd_kafka_conf_destroy(settings)  # rd_kafka_new takes it over only on success
        message = f"librdkafka could not start: {text.value.decode()}"
        raise EmbeddedKafkaError(message)
    return client
