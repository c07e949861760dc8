#!/usr/bin/env bash
# A real Apache Kafka on this machine, for tests and by hand; needs Java 17 or newer, and Maven once.
#
#   kafka.sh fetch                              fetches Kafka and prints its folder
#   kafka.sh start [--data DIR] [--port N] [--nodes N]
#                                               starts nodes in the background and waits for them
#   kafka.sh stop  [--data DIR]                 stops them; the data stays
#   kafka.sh prepare --data DIR --listen PORTS --controllers PORTS --sasl PORTS
#                                               makes the storage of nodes, one port per node and list
#   kafka.sh run DIR/node-N                     runs one node in the foreground
#
# Node N listens on 127.0.0.1: PLAINTEXT on its port and SASL_PLAINTEXT (user `etappe`, password
# `etappe-secret`) 20 ports higher. Data is kept in ./etappe-kafka unless told otherwise.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=4.4.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/etappe"
home="$cache/kafka-$version"
archive="$home/classes.jsa"

fail() {
  echo "kafka.sh: $*" >&2
  exit 1
}

need_java() {
  command -v java >/dev/null || fail "java is missing: install openjdk-17-jre-headless or newer"
}

# Puts the whole folder in its place at once, so that a broken-off or a second run does no harm.
fetch() {
  need_java
  if [ ! -d "$home" ]; then
    command -v mvn >/dev/null || fail "mvn is missing: install maven"
    mkdir -p "$cache"
    (
      # Maven's own folder does not like two writers.
      ! command -v flock >/dev/null || flock 9
      [ ! -d "$home" ] || exit 0
      new=$(mktemp -d "$cache/kafka-new.XXXXXX")
      trap 'rm -rf "$new"' EXIT
      mvn --quiet --batch-mode --strict-checksums --file "$here/kafka/pom.xml" \
        dependency:copy-dependencies -DoutputDirectory="$new/lib" >&2
      (cd "$new/lib" && sha256sum --check --quiet --strict "$here/kafka/jars.sha256" >&2) ||
        fail "what Maven fetched is not what deploy/dev/kafka/jars.sha256 lists"
      chmod 755 "$new"
      mv -T "$new" "$home" 2>/dev/null || [ -d "$home" ]
    ) 9>"$cache/kafka.lock"
  fi
  [ -s "$archive" ] || make_archive
  echo "$home"
}

# Has Java keep the classes of a running node as it has unpacked them: nodes start in half the time.
# Without it they start too.
make_archive() {
  (
    ! command -v flock >/dev/null || flock 9
    [ ! -s "$archive" ] || exit 0
    data=$(mktemp -d "$cache/kafka-new.XXXXXX")
    first=$((12000 + RANDOM % 6000))
    ports=("$first") controllers=($((first + 1))) sasl=($((first + 2)))
    prepare "$data"
    java "${java_arguments[@]}" "-XX:ArchiveClassesAtExit=$data/classes.jsa" kafka.Kafka \
      "$data/node-1/server.properties" >"$data/node.log" 2>&1 9>&- &
    node=$!
    trap 'kill -KILL "$node" 2>/dev/null || true; rm -rf "$data"' EXIT
    for _ in $(seq 300); do
      ! grep -q "Kafka Server started" "$data/node.log" || break
      kill -0 "$node" 2>/dev/null || exit 0
      sleep 0.2
    done
    kill -TERM "$node"
    wait "$node" || true
    [ ! -s "$data/classes.jsa" ] || mv "$data/classes.jsa" "$archive"
  ) 9>"$cache/kafka.lock"
}

java_command() {
  java_arguments=(
    -Xms64m -Xmx"${ETAPPE_KAFKA_HEAP:-384m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1
    -XX:-UsePerfData "-Dlog4j2.configurationFile=$here/kafka/log4j2.properties"
    -cp "$(printf '%s:' "$home"/lib/*.jar)"
  )
  [ ! -s "$archive" ] || java_arguments+=("-XX:SharedArchiveFile=$archive")
}

# Writes the settings of node $1 of $2 into folder $3.
write_settings() {
  local node=$1 count=$2 folder=$3
  local replicas=$((count < 3 ? count : 3))
  cat >"$folder/server.properties" <<EOT
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:${ports[node - 1]},CONTROLLER://127.0.0.1:${controllers[node - 1]},SASL://127.0.0.1:${sasl[node - 1]}
advertised.listeners=PLAINTEXT://127.0.0.1:${ports[node - 1]},SASL://127.0.0.1:${sasl[node - 1]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
listener.name.sasl.sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_etappe="etappe-secret";
log.dirs=$folder/log
auto.create.topics.enable=false
offsets.topic.num.partitions=2
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.num.partitions=1
default.replication.factor=$replicas
min.insync.replicas=$((replicas > 1 ? 2 : 1))
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.cleaner.backoff.ms=500
log.cleaner.dedupe.buffer.size=4194304
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
log.segment.delete.delay.ms=500
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
background.threads=2
controlled.shutdown.enable=true
EOT
}

prepare() {
  local data=$1 count=${#ports[@]} node folder
  if [ "${#controllers[@]}" -ne "$count" ] || [ "${#sasl[@]}" -ne "$count" ] || [ "$count" -eq 0 ]; then
    fail "one port per node in each of --listen, --controllers and --sasl"
  fi
  mkdir -p "$data"
  data=$(cd "$data" && pwd)
  voters=""
  for node in $(seq "$count"); do
    voters+="${voters:+,}$node@127.0.0.1:${controllers[node - 1]}"
  done
  java_command
  for node in $(seq "$count"); do
    folder="$data/node-$node"
    mkdir -p "$folder"
    write_settings "$node" "$count" "$folder"
    [ -f "$folder/log/meta.properties" ] ||
      java "${java_arguments[@]}" kafka.tools.StorageTool format -t ZXRhcHBlLWV0YXBwZS1ldA \
        -c "$folder/server.properties" >"$folder/format.log" 2>&1 ||
      fail "storage of node $node cannot be formatted: $(tail -n 3 "$folder/format.log")"
  done
}

run() {
  java_command
  exec java "${java_arguments[@]}" kafka.Kafka "$1/server.properties"
}

is_running() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
  local data=$1 count=${#ports[@]} node folder
  prepare "$data"
  for node in $(seq "$count"); do
    folder="$data/node-$node"
    if is_running "$folder"; then continue; fi
    setsid nohup "$here/kafka.sh" run "$folder" >"$folder/node.log" 2>&1 </dev/null 9>&- &
    echo "$!" >"$folder/pid"
  done
  for node in $(seq "$count"); do
    folder="$data/node-$node"
    until grep -q "Kafka Server started" "$folder/node.log"; do
      is_running "$folder" && [ "$SECONDS" -lt 60 ] ||
        fail "node $node did not start: $(tail -n 5 "$folder/node.log")"
      sleep 0.2
    done
  done
  local list
  printf -v list '127.0.0.1:%s,' "${ports[@]}"
  echo "${list%,}"
}

stop() {
  local folder pid
  for folder in "$1"/node-*; do
    is_running "$folder" && kill -TERM "$(cat "$folder/pid")"
  done 2>/dev/null || true
  for folder in "$1"/node-*; do
    [ -f "$folder/pid" ] || continue
    pid=$(cat "$folder/pid")
    for _ in $(seq 300); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    ! kill -0 "$pid" 2>/dev/null || kill -KILL "$pid"
    rm -f "$folder/pid"
  done
}

command=${1:-}
[ $# -eq 0 ] || shift
data=etappe-kafka port=9092 nodes=1 ports=() controllers=() sasl=() voters=""
if [ "$command" = run ]; then
  [ $# -eq 1 ] || fail "run takes the folder of one node"
  run "$1"
fi
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 wants a value"
  case "$1" in
  --data) data=$2 ;;
  --port) port=$2 ;;
  --nodes) nodes=$2 ;;
  --listen) IFS=, read -r -a ports <<<"$2" ;;
  --controllers) IFS=, read -r -a controllers <<<"$2" ;;
  --sasl) IFS=, read -r -a sasl <<<"$2" ;;
  *) fail "unknown option $1" ;;
  esac
  shift 2
done
case "$command" in
fetch) fetch ;;
prepare)
  fetch >/dev/null
  prepare "$data"
  ;;
start)
  fetch >/dev/null
  for offset in $(seq 0 $((nodes - 1))); do
    ports+=($((port + offset))) controllers+=($((port + 10 + offset))) sasl+=($((port + 20 + offset)))
  done
  start "$data"
  ;;
stop) stop "$data" ;;
*)
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
  exit 64
  ;;
esac
