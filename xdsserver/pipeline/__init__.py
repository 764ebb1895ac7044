"""The pipeline: from what users write to what Envoy gets and what statuses say.

`story` declares every table from top to bottom; read it first. The other modules hold the derivations of one chapter
each, called after the table that they fill (`to_binds`). A derivation looks rows up and hands them to the functions
that decide, which are in `gatewayapi` and `translation`: what belongs here is who reads what, not what it means.

Sources are written by the shell. `Pipeline.apply` brings all tables up to date; a fresh pipeline that gets everything
at once is what it must equal after any history (tests/properties).
"""

from xdsserver.pipeline.rows import ResourceKey
from xdsserver.pipeline.story import Options, Pipeline

__all__ = ["Options", "Pipeline", "ResourceKey"]
