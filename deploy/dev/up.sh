#!/usr/bin/env bash
# Builds Etappe, starts it in the background on the folder $DATA and shows how to use it.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${DATA:=etappe-data}" "${LISTEN:=127.0.0.1:7070}" "${ADMIN:=127.0.0.1:7071}"
log="$DATA.log"

running() { [ -f "$DATA/run.json" ] && kill -0 "$(sed -E 's/.*"pid":([0-9]+).*/\1/' "$DATA/run.json")" 2>/dev/null; }
value() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/;t;d" "$2"; }
# Etappe shows keys at its first start only and stores their hashes. This copy is the owner's alone, so
# that the demo can be shown again; remove it where the keys matter.
keys="$DATA/demo-keys.json"

if running; then
  echo "Etappe runs on $DATA already; \`make down\` stops it"
  echo "  web interface     http://$(value listen "$DATA/run.json")/app/"
  echo "  events and KPIs   http://$(value listen "$DATA/run.json")"
  echo "  metrics, health   http://$(value admin "$DATA/run.json")/metrics"
  if [ -f "$keys" ]; then
    echo "  keys of the demo  in $keys, readable by you only"
  else
    echo "  keys              target/release/etappe keys create --site demo --data $DATA makes another pair"
  fi
  echo "  log               $log"
  exit 0
fi

echo "building (the first time takes some minutes)"
deploy/dev/web.sh
cargo build --release --bin etappe
deploy/dev/split-symbols.sh target/release/etappe
echo "looking for ClickHouse's engine (fetched once, about 180 MB)"
target/release/etappe engine --fetch >/dev/null

# The data, the log and the demo's keys are their owner's alone.
umask 077
mkdir -p "$DATA"
ready=$(mktemp)
trap 'rm -f "$ready"' EXIT
setsid nohup target/release/etappe up --data "$DATA" --listen "$LISTEN" --admin "$ADMIN" --json \
  >"$ready" 2>>"$log" </dev/null &
pid=$!
until [ -s "$ready" ]; do
  if ! kill -0 "$pid" 2>/dev/null; then
    echo "Etappe did not start; the end of $log:" >&2
    tail -n 5 "$log" >&2
    exit 1
  fi
  sleep 0.2
done

if grep -q '"write_key"' "$ready"; then
  install -m 0600 "$ready" "$keys"
fi
listen=$(value listen "$ready") admin=$(value admin "$ready")
key="YOUR-WRITE-KEY" token="YOUR-READ-TOKEN"
welcome=$(value welcome "$ready")
if [ -f "$keys" ]; then key=$(value write_key "$keys") token=$(value read_token "$keys"); fi

cat <<EOT

Etappe is running.
  web interface     ${welcome:-http://$listen/app/}${welcome:+   (makes the first account; works once)}
  events and KPIs   http://$listen
  metrics, health   http://$admin/metrics  http://$admin/readyz
  site demo         write key $key
                    read token $token
  practice site     target/release/etappe simulate --data $DATA   (invented people to look around in)
  log               $log            stop it with: make down

Paste this into a web page:

<script>
  (() => {
    const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    let visitor;
    try { visitor = localStorage.etappe ||= random(); } catch { visitor = random(); }
    window.etappe = (event, properties = {}) => fetch("http://$listen/v1/track", {
      method: "POST", keepalive: true, body: JSON.stringify({
        writeKey: "$key", messageId: random(), anonymousId: visitor,
        event, properties, timestamp: new Date(),
        context: { userAgent: navigator.userAgent, page: {
          url: location.href, path: location.pathname, title: document.title, referrer: document.referrer } } }),
    }).catch(() => {});
    window.etappe("Page Viewed");
  })();
</script>

Then \`etappe("Product Viewed", { product: "Lamp" })\` sends an event from anywhere in the page. Where no script
runs, as in a mail, an image does (it counts an event, but nobody: add &userId=… where you know who reads it):

<img src="http://$listen/v1/pixel.gif?writeKey=$key&event=Email%20Opened" alt="">

And ask:

curl -s http://$listen/v1/sites/demo/funnel -H "Authorization: Bearer $token" \\
  -d '{"model":"aaarrr","from":"2020-01-01","to":"2100-01-01"}'
EOT
