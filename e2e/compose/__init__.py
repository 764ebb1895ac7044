"""A server, two Envoys, backends, a load and Prometheus in containers, and tests that break them while they are asked.

    make compose

`compose.yaml` is for people too: `docker compose -f e2e/compose/compose.yaml up --wait`. What is tested here needs an
engine (docker) and says so where none answers; nothing here may need a cluster or a registry.
"""
