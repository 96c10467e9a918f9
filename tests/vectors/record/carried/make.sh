#!/bin/sh
# Makes the carried signatures beside this file: invented certificate authorities, doctors and a
# time-stamp authority. Private keys are thrown away. Needs openssl 3 and, for SM2, the Python of
# tests/readers/python. Usage: PYTHON=… sh make.sh
set -eu
out=$(cd "$(dirname "$0")" && pwd)
. "$out/common.sh"
printf '%%PDF-1.7 discharge summary' > file.pdf

hierarchy() { # kind
  certify "$1" "$1-root" "Invented CA $1" ca self 1
  certify "$1" "$1-sub" "Invented issuing CA $1" sub "$1-root" 2
  certify "$1" "$1-doctor" "Dr. Li $1" doctor "$1-sub" 3
}

sign() { # kind signer output
  openssl cms -sign -binary -md sha256 -signer "$1-$2.pem" -inkey "$1-$2.key" -in file.pdf \
    -certfile "$1-sub.pem" -outform DER -out "$3"
}

for kind in rsa p256; do
  hierarchy $kind
  certify $kind $kind-web "Web server $kind" web $kind-sub 4
  sign $kind doctor $kind-detached.cms
  sign $kind web $kind-web.cms
  openssl cms -sign -binary -nodetach -noattr -nocerts -md sha256 -signer $kind-doctor.pem \
    -inkey $kind-doctor.key -in file.pdf -outform DER -out $kind-attached.cms
done
# A certificate issued by a doctor, and one below an authority that may have none below it.
certify p256 p256-rogue "Dr. Rogue" doctor p256-doctor 5
certify p256 p256-subsub "Invented CA too deep" ca p256-sub 6
certify p256 p256-deep "Dr. Deep" doctor p256-subsub 7
sign p256 rogue p256-rogue.cms
sign p256 deep p256-deep.cms
hierarchy sm2
"${PYTHON:-python3}" "$out/make_sm2.py" sm2-doctor.key sm2-doctor.pem file.pdf sm2-detached.cms

certify p256 stamp-root "Invented TSA root" ca self 1
certify p256 stamp "Invented TSA" tsa stamp-root 2
stamp p256-detached.cms -token_out -out p256-stamp.der

answers p256-sub 'V\t500101000000Z\t\t03\tunknown\t/CN=Dr. Li p256\n' good
answers p256-sub 'R\t500101000000Z\t260101000000Z\t03\tunknown\t/CN=Dr. Li p256\n' revoked

cp ./*.der ./*.cms ./*.crl ./*.ocsp file.pdf "$out"
