# Two images of one build: the server (the default), and Envoy with what it needs to end well in a pod.
#
#   docker build --tag xdsserver .
#   docker build --tag xdsserver-envoy --target envoy .
#
# A release names both bases by digest: --build-arg BASE=docker.io/library/python@sha256:...
ARG BASE=docker.io/library/python:3.12-slim
ARG ENVOY_BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
# Where packages come from, and by which authorities that place is known; nothing of it gets into an image.
ARG PIP_INDEX_URL
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# The environment has no pip of its own: what runs cannot install anything.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/xdsserver
COPY requirements.txt requirements-build.txt ./
RUN /build/bin/python -m pip install --require-hashes -r requirements-build.txt
RUN /build/bin/python -m pip --python /opt/xdsserver/bin/python install --no-deps --require-hashes -r requirements.txt
COPY pyproject.toml README.md ./
COPY xdsserver xdsserver
RUN /build/bin/python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /build/bin/python -m pip --python /opt/xdsserver/bin/python install --no-index --no-deps /wheel/*.whl
# No container compiles anything at its start, and none could write it down. Times of files say nothing in an image, so
# what is compiled is taken without a look at its source. Envoy goes to its own image, which is changed at other times.
RUN ["/opt/xdsserver/bin/python", "-c", "import compileall, pathlib, py_compile, sys\n\
site = next(pathlib.Path('/opt/xdsserver/lib').glob('*/site-packages'))\n\
(site / 'envoy/_bin/envoy').rename('/usr/local/bin/envoy')\n\
pathlib.Path('/opt/xdsserver/bin/envoy').unlink()\n\
pathlib.Path('/state/envoys').mkdir(parents=True)\n\
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH\n\
sys.exit(not compileall.compile_dir(site, quiet=1, workers=0, invalidation_mode=mode))"]

FROM ${ENVOY_BASE} AS envoy
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="xdsserver-envoy" \
      org.opencontainers.image.description="Envoy, for pods of an EnvoyFleet" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /usr/local/bin/envoy /usr/local/bin/envoy
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["envoy"]

FROM ${BASE} AS server
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="xdsserver" \
      org.opencontainers.image.description="A control plane that turns Kubernetes Gateway API objects into Envoy configuration" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/xdsserver /opt/xdsserver
# What is to outlive a container is kept here, in a volume that takes over this owner; what Envoys are to see of it in
# another one, on the folder below.
COPY --from=build --chown=65532:65532 /state /var/lib/xdsserver
ENV PATH=/opt/xdsserver/bin:/usr/local/bin:/usr/bin:/bin HOME=/var/lib/xdsserver
USER 65532:65532
WORKDIR /
STOPSIGNAL SIGTERM
ENTRYPOINT ["xdsserver"]
