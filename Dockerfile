# Two stages: one builds, the other runs. What runs has no compiler, no package manager's cache, and is not root.
FROM python:3.11-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/bravespace
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
COPY pyproject.toml README.md ./
RUN uv sync --no-dev --no-install-project
COPY domain domain
COPY infra infra
COPY api api
COPY openapi openapi
RUN uv sync --no-dev --no-editable

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/bravespace --create-home bravespace
COPY --from=build /opt/bravespace /opt/bravespace
ENV PATH=/opt/bravespace/bin:$PATH PYTHONUNBUFFERED=1 \
    BRAVESPACE_HOST=0.0.0.0 BRAVESPACE_PORT=8000 BRAVESPACE_DATA_DIR=/var/lib/bravespace/data
USER bravespace
WORKDIR /var/lib/bravespace
# Keys live here; and the embedded database, unless BRAVESPACE_DATABASE_URL names a server (then run `migrate` first).
VOLUME /var/lib/bravespace
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["sh", "-c", "python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:$BRAVESPACE_PORT/readyz', timeout=2)\""]
ENTRYPOINT ["bravespace"]
CMD ["serve"]
