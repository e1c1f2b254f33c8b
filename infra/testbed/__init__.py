"""Real Kafka and real Elasticsearch for the tests; `infra/services.py` is the command. Standard library only."""
