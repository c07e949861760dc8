#!/bin/bash
# Asks the admin address whether this process does its work; needs nothing but bash.
set -eu
address=${ETAPPE_ADMIN:-127.0.0.1:7071}
port=${address##*:}
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 5 _ status _ <&3
[ "$status" = 200 ]
