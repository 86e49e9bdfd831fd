#!/bin/sh
# Managed by pmail-deploy: changes are overwritten.
# certificate-stopgap [start] -- PMail dies of an expired certificate and takes inbound mail with
# it. When the current one has less than a day left, a self-signed one takes its place: sending
# servers accept it, mail programs warn. "start": PMail is about to start, so do not restart it.
set -eu
umask 077
current=/etc/pmail-deploy/tls/current
openssl x509 -checkend 86400 -noout -in "$current/fullchain.pem" >/dev/null && exit 0

work=$(mktemp -d /etc/pmail-deploy/tls/.stopgap.XXXXXX)
trap 'rm -rf "$work"' EXIT
names=$(openssl x509 -in "$current/fullchain.pem" -noout -ext subjectAltName | tail -n 1 | tr -d ' ')
first=${names%%,*}
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj "/CN=${first#DNS:}" \
    -addext "subjectAltName=$names" -keyout "$work/key.pem" -out "$work/chain.pem" 2>/dev/null
/usr/local/lib/pmail-deploy/install-certificate "$work/chain.pem" "$work/key.pem"
echo "the certificate was about to expire and was not renewed: a self-signed one keeps inbound" \
     "mail going; run the deploy to get a real one" | systemd-cat -t pmail-deploy -p crit
[ "${1:-}" = start ] && exit 0
systemctl reset-failed pmail 2>/dev/null || true
systemctl restart pmail
# Postfix has the public ports where PMail is behind it.
systemctl reload postfix 2>/dev/null || true
# So has what shows it to browsers, where that is not PMail.
[ ! -x /usr/local/lib/pmail-deploy/reload-web ] || /usr/local/lib/pmail-deploy/reload-web || true
