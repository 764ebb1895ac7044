"""A server, two Envoys, two backends and a load in containers, and tests that break each of them while it is asked.

    make compose

`compose.yaml` is for people too: `docker compose -f e2e/compose/compose.yaml up --wait`. What is tested here needs an
engine (docker) and says so where none answers; nothing here may need a cluster or a registry.
"""
