"""`python -m tests.kafka_cluster.fetch`: fetch Kafka and a schema registry, so that a later test run needs no network."""

import sys

from tests.kafka_cluster.maven import JavaUnavailable
from tests.kafka_cluster.real_kafka import kafka_jars
from tests.kafka_cluster.real_registry import registry_program


def main() -> int:
    """Fetch what is missing; 1 with the reason on stderr when it cannot be had."""
    try:
        jars = kafka_jars()
        registry = registry_program()
    except JavaUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Kafka's jars are in {jars}, and the schema registry is in {registry}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
