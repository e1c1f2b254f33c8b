# One image for every process of Ronzio: `docker run IMAGE run`, `... worker`, `... query ...`. Its health is asked for where it is
# run (docker-compose.yml): what answers, and where, is another for each process.
# `--build-arg EXTRAS="--extra hf"`: with what transformers need.
FROM python:3.11.14-slim-bookworm AS build
RUN pip install --no-cache-dir "uv>=0.13,<1"
WORKDIR /src
ENV UV_PROJECT_ENVIRONMENT=/opt/ronzio UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
# The packages first: they change less often than the code, and a layer of their own keeps them
COPY pyproject.toml uv.lock ./
ARG EXTRAS=
RUN uv sync --frozen --no-dev --no-install-project $EXTRAS
COPY . .
RUN uv sync --frozen --no-dev --no-editable $EXTRAS

FROM python:3.11.14-slim-bookworm
# openssl makes the certificates of the scaled-out way: see infra/prepare.py
RUN openssl version \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin ronzio \
    && install -d -o ronzio -g ronzio /data /models
COPY --from=build /opt/ronzio /opt/ronzio
ENV PATH=/opt/ronzio/bin:$PATH PYTHONUNBUFFERED=1
USER ronzio
WORKDIR /home/ronzio
VOLUME /data
EXPOSE 8501
ENTRYPOINT ["ronzio"]
CMD ["run", "--demo", "--data", "/data"]
