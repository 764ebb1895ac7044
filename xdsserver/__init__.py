"""xdsserver: a control plane that turns Gateway API and RustFS objects into Envoy configuration over xDS."""
