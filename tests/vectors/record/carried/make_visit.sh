#!/bin/sh
# Makes what lies beside visit.json here: the signature of an invented hospital's system over it, with
# answers about revocation and a time-stamp, as the inner zone takes them, and the roots. Private keys
# are thrown away. Needs openssl 3. Usage: sh make_visit.sh
set -eu
out=$(cd "$(dirname "$0")" && pwd)
. "$out/common.sh"

root() { # name subject
  certify p256 "$1" "$2" ca self 1
  cp "$1.der" "$out"
}

root visit-root "Invented Root"
root visit-other-root "Another Root"
root visit-stamp-root "Invented TSA Root"
certify p256 doctor "Dr. Li" doctor visit-root 3
certify p256 stamp "Invented TSA" tsa visit-stamp-root 2
openssl cms -sign -binary -md sha256 -in "$out/visit.json" -signer doctor.pem -inkey doctor.key \
  -outform DER -out "$out/visit.json.p7s"
stamp "$out/visit.json.p7s" -out "$out/visit.json.tsr"
answers visit-root 'V\t500101000000Z\t\t03\tunknown\t/CN=Dr. Li\n' visit.json
answers visit-root 'R\t500101000000Z\t260101000000Z\t03\tunknown\t/CN=Dr. Li\n' visit-revoked
cp ./*.crl ./*.ocsp "$out"
