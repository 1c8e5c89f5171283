# syntax=docker/dockerfile:1

# What every stage is built on: Node of the version that the tests run with, by the digest of the image for all platforms,
# which Docker compares with what it gets. A tag alone is another image tomorrow. docs/release.md says how it is renewed
ARG NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20

# ---- build: the gateway with its packages, as JavaScript that needs nothing else ----
FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY packaging ./packaging
COPY src ./src
RUN npm run build:bundle

# ---- lab: a small Azure for docker compose; never part of the gateway's image ----
FROM ${NODE_IMAGE} AS lab
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
# its tables of the audit trail are the gateway's own
COPY src ./src
COPY lab ./lab
COPY policies ./policies
ENV LAB_DIR=/lab LAB_HOST=lab LAB_GATEWAY=none
RUN mkdir -p /lab && chown node:node /lab
USER node
VOLUME /lab
EXPOSE 9440-9449
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s CMD ["node", "lab/server/health.ts"]
CMD ["node", "lab/start.ts"]

# ---- gateway: what runs ----
FROM ${NODE_IMAGE} AS gateway
# memory of the C library: blocks of 128 KB and more go back to the system when they are free, where glibc would keep all that is
# smaller than the largest it has seen; and one arena for all threads, each of which would keep its own free blocks
ENV NODE_ENV=production MALLOC_MMAP_THRESHOLD_=131072 MALLOC_ARENA_MAX=1
WORKDIR /app
COPY --from=build /src/dist ./dist
COPY config ./config
COPY policies ./policies
# `init` copies it, with the policies
COPY deploy/azure-monitor/template.json ./deploy/azure-monitor/template.json
RUN mkdir -p /var/lib/azureml-harness && chown node:node /var/lib/azureml-harness && chmod 0700 /var/lib/azureml-harness
USER node
VOLUME /var/lib/azureml-harness
EXPOSE 8443
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "dist/azureml-harness.mjs", "health", "--config", "/etc/azureml-harness/harness.yaml"]
# 16 MB is what Node takes where there is enough memory, and less in a small container: with 4 MB, what a call allocates
# outlives it, and collecting it is a third of the CPU of a call; 32 MB saves little more and holds 30 MB more
ENTRYPOINT ["node", "--max-semi-space-size=16", "dist/azureml-harness.mjs"]
CMD ["serve", "--config", "/etc/azureml-harness/harness.yaml"]
