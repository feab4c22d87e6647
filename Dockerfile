# syntax=docker/dockerfile:1
# Pin the base by digest where images are built for production: --build-arg BASE_IMAGE=python:3.12-slim@sha256:...
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS build
# With OpenTelemetry, for TRACING=otlp: --build-arg REQUIREMENTS=requirements-tracing.lock
ARG REQUIREMENTS=requirements.lock
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python3 -m venv /opt/segment-liveintent
COPY ${REQUIREMENTS} ./requirements.lock
RUN /opt/segment-liveintent/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY consumer consumer
# What installs is not needed to run: without it the image is smaller, and there is less in it to keep patched.
RUN /opt/segment-liveintent/bin/pip install --no-deps . \
    && /opt/segment-liveintent/bin/pip uninstall --yes pip setuptools

FROM ${BASE_IMAGE}
# What a registry shows of the image: --build-arg VERSION=1.2.3 --build-arg REVISION=$(git rev-parse HEAD)
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="segment-liveintent" \
      org.opencontainers.image.description="Keeps LiveIntent's custom audiences in step with Segment's, from events on Kafka." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/segment-liveintent /opt/segment-liveintent
# Numeric, so that Kubernetes can verify runAsNonRoot. Nothing is written: a read-only root file system works.
USER 10001:10001
ENV PATH=/opt/segment-liveintent/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
ENTRYPOINT ["segment-liveintent"]
CMD ["run"]
