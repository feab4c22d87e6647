"""Stand-ins, and they say so: LiveIntent as a local server, Kafka as librdkafka's mock cluster, a generated Segment feed."""
