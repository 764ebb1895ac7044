"""The commands, put together."""

import typer

from xdsserver.cli.bootstrap import bootstrap
from xdsserver.cli.certificate import certificate
from xdsserver.cli.check import check
from xdsserver.cli.crds import crds
from xdsserver.cli.diff import diff
from xdsserver.cli.dump import dump
from xdsserver.cli.explain import explain
from xdsserver.cli.listings import config, fleet, gateways, history, problems, routes, tenants
from xdsserver.cli.save import save
from xdsserver.cli.serve import serve
from xdsserver.cli.standalone import standalone
from xdsserver.cli.translate import translate
from xdsserver.cli.version import version
from xdsserver.cli.wait import wait
from xdsserver.cli.why import why

app = typer.Typer(
    name="xdsserver",
    help="Turns Gateway API objects into Envoy configuration over xDS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain text: boxes cut what does not fit, and what is copied from help must be whole.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_RUNNING = (standalone, serve, save, check, translate, bootstrap, certificate, crds)
_ASKING = (explain, why, diff, routes, gateways, tenants, problems, fleet, wait, history, config, dump)
for command in (*_RUNNING, *_ASKING, version):
    app.command()(command)


def main() -> None:
    """Run the command line; the process ends here."""
    app()
