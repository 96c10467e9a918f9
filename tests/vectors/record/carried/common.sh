# What make.sh and make_visit.sh share; each reads it first. `out` is this folder. The work is done in
# a folder that vanishes with the private keys. Needs openssl 3.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > ext.cnf <<'CNF'
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
[sub]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign,digitalSignature
[doctor]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,nonRepudiation
[web]
basicConstraints=critical,CA:FALSE
keyUsage=critical,keyEncipherment
[tsa]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
[lists]
database=index.txt
crlnumber=crlnumber
default_md=sha256
[stamps]
serial=stamp-serial
signer_digest=sha256
default_policy=1.2.3.4
digests=sha256
accuracy=secs:1
ess_cert_id_alg=sha256
CNF
echo 01 > crlnumber
echo 01 > stamp-serial

new_key() { # kind file
  case $1 in
    rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
    p256) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
    sm2) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out "$2" ;;
  esac
}

certify() { # kind name subject extensions issuer serial
  new_key "$1" "$2.key"
  set -- "$@" ""
  case $1 in
    sm2) digest=-sm3; id="-sigopt distid:1234567812345678"; vfy="-vfyopt distid:1234567812345678" ;;
    *) digest=-sha256; id=; vfy= ;;
  esac
  openssl req -new $digest $id -key "$2.key" -subj "/CN=$3" -out request.pem
  if [ "$5" = self ]; then signer="-signkey $2.key"; else signer="-CA $5.pem -CAkey $5.key"; fi
  openssl x509 -req $digest $id $vfy -in request.pem $signer -days 9000 -extfile ext.cnf \
    -extensions "$4" -set_serial "$6" -out "$2.pem" 2> /dev/null
  openssl x509 -in "$2.pem" -outform DER -out "$2.der"
}

stamp() { # signed file, further arguments of openssl
  # A time-stamp is over the signature's value: the last octet string of the structure.
  value=$(openssl asn1parse -inform DER -in "$1" | grep 'OCTET STRING' | tail -1)
  offset=$(echo "$value" | cut -d: -f1)
  head=$(echo "$value" | sed 's/.*hl=\([0-9]*\).*/\1/')
  length=$(echo "$value" | sed 's/.*l= *\([0-9]*\) prim.*/\1/')
  tail -c +$((offset + head + 1)) "$1" | head -c "$length" > value
  shift
  openssl ts -query -data value -sha256 -cert -no_nonce -out query 2> /dev/null
  openssl ts -reply -config ext.cnf -section stamps -queryfile query -signer stamp.pem \
    -inkey stamp.key "$@" 2> /dev/null
}

answers() { # issuer, state line, name
  printf "$2" > index.txt
  openssl ca -gencrl -config ext.cnf -name lists -cert "$1.pem" -keyfile "$1.key" \
    -crldays 9000 -out list.pem 2> /dev/null
  openssl crl -in list.pem -outform DER -out "$3.crl"
  openssl ocsp -index index.txt -CA "$1.pem" -rsigner "$1.pem" -rkey "$1.key" \
    -issuer "$1.pem" -serial 3 -ndays 9000 -respout "$3.ocsp" > /dev/null 2>&1
}
