"""The embedded cluster, as the tests that run on either kind see it."""

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from tests.kafka_cluster import ClusterKind


class EmbeddedCluster(EmbeddedKafka):
    """librdkafka's mock cluster, saying that it is one."""

    kind = ClusterKind.EMBEDDED
