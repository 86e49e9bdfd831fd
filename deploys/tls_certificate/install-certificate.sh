#!/bin/sh
# Managed by pmail-deploy: changes are overwritten.
# install-certificate CHAIN KEY -- keep a certificate in a folder of its own and point the
# "current" link there in one step: PMail never finds half of it. Restarts nothing.
set -eu
umask 077
chain=$1 key=$2 versions=/etc/pmail-deploy/tls

of_certificate=$(openssl x509 -in "$chain" -noout -pubkey)
of_key=$(openssl pkey -in "$key" -pubout)
[ "$of_certificate" = "$of_key" ] || { echo "the key does not belong to the certificate" >&2; exit 1; }

name=$(openssl x509 -in "$chain" -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)
folder=$versions/$name
if ! cmp -s "$chain" "$folder/fullchain.pem" || ! cmp -s "$key" "$folder/privkey.pem"; then
    fresh=$versions/.new.$$
    trap 'rm -rf "$fresh"' EXIT
    mkdir "$fresh"
    cat "$chain" > "$fresh/fullchain.pem"
    cat "$key" > "$fresh/privkey.pem"
    chown -R root:pmail "$fresh"
    chmod 640 "$fresh/fullchain.pem" "$fresh/privkey.pem"
    chmod 750 "$fresh"
    sync "$fresh/fullchain.pem" "$fresh/privkey.pem"
    rm -rf "$folder"
    mv -T "$fresh" "$folder"
    trap - EXIT
fi
ln -sfn "$folder" "$versions/current.new"
mv -fT "$versions/current.new" "$versions/current"

# Keep the three newest.
ls -1dt "$versions"/*/ | grep -v '/current/$' | tail -n +4 | while read -r old; do
    [ "${old%/}" = "$folder" ] || rm -rf "$old"
done
