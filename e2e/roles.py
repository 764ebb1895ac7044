"""A cluster as our server may use it: as its service account, with the roles that are made of the table."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from e2e.serving import NAMESPACE
from xdsserver.infrastructure.permissions import SERVERS, manifest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.conftest import Cluster
    from xdsserver.infrastructure.permissions import Account


def as_our_account(cluster: Cluster, folder: Path) -> Cluster:
    """Give the same cluster to somebody who may do what our roles allow, and nothing else."""
    return as_account(cluster, folder, SERVERS)


def as_account(cluster: Cluster, folder: Path, account: Account) -> Cluster:
    """Give the same cluster to an account, with its roles and nothing else."""
    cluster.run("create", "namespace", NAMESPACE)
    applied = cluster.run("apply", "--filename=-", stdin=manifest(account=account))
    assert applied.returncode == 0, applied.stderr
    token = cluster.run("create", "token", account.name, "--namespace", NAMESPACE)
    assert token.returncode == 0, token.stderr
    config = json.loads(cluster.run("config", "view", "--raw", "--minify", "--output=json").stdout)
    config["users"][0]["user"] = {"token": token.stdout.strip()}
    kubeconfig = folder / "kubeconfig.json"
    kubeconfig.write_text(json.dumps(config))
    return dataclasses.replace(cluster, kubeconfig=kubeconfig)
