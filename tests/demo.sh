#!/usr/bin/env bash
# A server on eight simulated Telegram bots, under target/demo. Ctrl-C ends both; what was put in stays.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=target/demo
mkdir -p "$folder/data"
cargo build --release --package telegram-sim --package telecine
programs="${CARGO_TARGET_DIR:-target}/release"

# A new port is a new TELEGRAM_API_URL; the tokens stay, as long as the folder does.
rm -f "$folder/bots.env"
"$programs/telegram-sim" serve --folder "$folder/telegram" --port "${SIM_PORT:-8081}" --bots 8 --env-file "$folder/bots.env" &
telegram=$!
trap 'kill "$telegram" 2>/dev/null || true; wait "$telegram" 2>/dev/null || true' EXIT
until [ -e "$folder/bots.env" ]; do
  kill -0 "$telegram" 2>/dev/null || exit 1
  sleep 0.1
done

set -a
# shellcheck source=/dev/null
. "$folder/bots.env"
set +a
# Ctrl-C reaches the server itself, which ends in order; it is waited for.
trap : INT
DATA_DIR="$folder/data" "$programs/telecine" serve &
server=$!
until wait "$server"; do
  kill -0 "$server" 2>/dev/null || break
done
