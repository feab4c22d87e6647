"""Kafka's side: records in; offsets and dead letters out. Only this folder imports confluent_kafka (and the sandbox)."""
