#!/bin/sh
# Managed by pmail-deploy: changes are overwritten.
# Run by `certbot renew` after a renewal: install our certificate and restart PMail once.
set -eu
umask 077
[ "${RENEWED_LINEAGE:-}" = /etc/letsencrypt/live/pmail-deploy ] || exit 0
/usr/local/lib/pmail-deploy/install-certificate "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem"
systemctl reset-failed pmail 2>/dev/null || true
systemctl restart pmail
# Postfix has the public ports where PMail is behind it.
systemctl reload postfix 2>/dev/null || true
# So has what shows it to browsers, where that is not PMail.
[ ! -x /usr/local/lib/pmail-deploy/reload-web ] || /usr/local/lib/pmail-deploy/reload-web || true
